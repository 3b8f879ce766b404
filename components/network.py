"""Flows between components, and the NetworkPolicies they become.

The namespace denies everything, so a flow needs two policies: one lets it in at
the receiver and one lets it out at the caller. Both belong to the component that
receives (it knows its port), but for what sessions call: there the receiver
hands the outgoing half to the Hub in its session contribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_kubernetes as k8s
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components.base import FacilityComponent, selector
from components.workload import metadata

SESSION = "session"
SCHEDULER = "dask-scheduler"
WORKER = "dask-worker"
"""Components whose pods are made at run time: by KubeSpawner and by the gateway's controller."""
EXECUTE = "condor-execute"
"""Pods that run users' jobs, where there is a pool."""


@dataclass(frozen=True)
class Ports:
    """TCP ports from ``first`` to ``last``; one port when ``last`` is none."""

    first: int
    last: int | None = None


@dataclass(frozen=True)
class Flow:
    """Connections to a component's pods."""

    target: str
    ports: tuple[Ports, ...]


def ports(*numbers: int) -> tuple[Ports, ...]:
    """Return single TCP ports."""
    return tuple(Ports(number) for number in numbers)


def _pods(component: str) -> LabelSelectorArgs:
    return LabelSelectorArgs(match_labels=selector(component))


def _peer(component: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(pod_selector=_pods(component))


def _namespace(name: str) -> NetworkPolicyPeerArgs:
    # A label that Kubernetes itself gives to each namespace.
    labels = {"kubernetes.io/metadata.name": name}
    return NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels=labels))


def _tcp(allowed: Sequence[Ports]) -> list[NetworkPolicyPortArgs]:
    return [NetworkPolicyPortArgs(protocol="TCP", port=p.first, end_port=p.last) for p in allowed]


def _policy(owner: FacilityComponent, role: str, component: str, spec: NetworkPolicySpecArgs) -> None:
    name = f"{component}-{role}"
    k8s.networking.v1.NetworkPolicy(
        name, metadata=metadata(owner.facility, component, name), spec=spec, opts=owner.child()
    )


def receive(
    owner: FacilityComponent,
    target: str,
    callers: Mapping[str, tuple[Ports, ...]],
    *,
    outgoing: bool = True,
    namespaces: Mapping[str, tuple[Ports, ...]] | None = None,
    addresses: Mapping[str, tuple[Ports, ...]] | None = None,
    world: tuple[Ports, ...] = (),
) -> None:
    """Let ``callers`` (component to ports) in at ``target``.

    So are the pods of other ``namespaces`` (name to ports), outside ``addresses`` (CIDR to ports), and
    anybody at the ports of ``world``.

    The callers' own halves are made too, but for sessions (their contribution
    carries it) and where ``outgoing`` is false.
    """
    rules = [
        NetworkPolicyIngressRuleArgs(from_=[_peer(caller)], ports=_tcp(allowed))
        for caller, allowed in callers.items()
    ]
    rules += [
        NetworkPolicyIngressRuleArgs(from_=[_namespace(name)], ports=_tcp(allowed))
        for name, allowed in (namespaces or {}).items()
    ]
    rules += [
        NetworkPolicyIngressRuleArgs(
            from_=[NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=cidr))], ports=_tcp(allowed)
        )
        for cidr, allowed in (addresses or {}).items()
    ]
    if world:
        rules.append(NetworkPolicyIngressRuleArgs(ports=_tcp(world)))
    _policy(
        owner,
        "in",
        target,
        NetworkPolicySpecArgs(pod_selector=_pods(target), policy_types=["Ingress"], ingress=rules),
    )
    if not outgoing:
        return
    for caller, allowed in callers.items():
        if caller != SESSION:
            send(owner, caller, Flow(target, allowed))


def send(owner: FacilityComponent, caller: str, flow: Flow) -> None:
    """Let ``caller`` out to the target of ``flow``."""
    rule = NetworkPolicyEgressRuleArgs(to=[_peer(flow.target)], ports=_tcp(flow.ports))
    _policy(
        owner,
        f"to-{flow.target}",
        caller,
        NetworkPolicySpecArgs(pod_selector=_pods(caller), policy_types=["Egress"], egress=[rule]),
    )


def send_to_addresses(
    owner: FacilityComponent,
    caller: str,
    role: str,
    cidrs: Sequence[str],
    *,
    ports: Sequence[Ports] = (),
    excepted: Sequence[str] = (),
) -> None:
    """Let ``caller`` out to addresses outside the facility; no ``ports`` means every port.

    ``excepted`` CIDRs are taken out of those of ``cidrs`` that are of the same IP version.
    """
    peers = [
        NetworkPolicyPeerArgs(
            ip_block=IPBlockArgs(
                cidr=cidr, except_=[e for e in excepted if (":" in e) == (":" in cidr)] or None
            )
        )
        for cidr in cidrs
    ]
    rule = NetworkPolicyEgressRuleArgs(to=peers, ports=_tcp(ports) or None)
    _policy(
        owner,
        f"to-{role}",
        caller,
        NetworkPolicySpecArgs(pod_selector=_pods(caller), policy_types=["Egress"], egress=[rule]),
    )


EVERYWHERE = ("0.0.0.0/0", "::/0")
"""Every address of both IP versions."""
