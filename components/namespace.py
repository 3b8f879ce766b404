"""The facility's namespace: Pod Security, and no traffic but the named flows."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components.base import Facility, FacilityComponent
from components.workload import metadata


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    """What the namespace needs."""

    facility: Facility


class Namespace(FacilityComponent):
    """A namespace that enforces Pod Security "restricted" and denies all traffic but DNS."""

    name: pulumi.Output[str]
    """Name of the namespace."""

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:Namespace", name, args.facility, opts)
        facility = args.facility
        levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        namespace = k8s.core.v1.Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=facility.namespace, labels={**facility.labels("namespace"), **levels}
            ),
            # Users' homes live in it: whoever deletes the namespace deletes them.
            opts=self.child(protect=True),
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        k8s.networking.v1.NetworkPolicy(
            f"{name}-default-deny",
            metadata=metadata(facility, "namespace", "default-deny"),
            spec=NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"]),
            opts=after,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-dns",
            metadata=metadata(facility, "namespace", "dns"),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(),
                policy_types=["Egress"],
                egress=[
                    NetworkPolicyEgressRuleArgs(
                        to=[
                            NetworkPolicyPeerArgs(
                                namespace_selector=LabelSelectorArgs(
                                    match_labels={"kubernetes.io/metadata.name": "kube-system"}
                                ),
                                pod_selector=LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
                            )
                        ],
                        ports=[
                            NetworkPolicyPortArgs(protocol=protocol, port=53) for protocol in ("UDP", "TCP")
                        ],
                    )
                ],
            ),
            opts=after,
        )
        self.name = pulumi.Output.from_input(facility.namespace)
        self.register_outputs({"name": self.name})
