"""What faces the world: Services that a balancer or a node's port leads to, and an Ingress."""

from __future__ import annotations

import pulumi_kubernetes as k8s
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    ServiceBackendPortArgs,
)

from components.base import FacilityComponent, selector
from components.workload import metadata
from settings import Balancer, Ingress


def public_service(
    owner: FacilityComponent,
    component: str,
    name: str,
    port: ServicePortArgs,
    *,
    kind: str,
    balancer: Balancer | None,
    own_addresses: bool,
) -> None:
    """Make a Service of the type ``kind`` for a component's one public port.

    With ``own_addresses`` callers are seen by theirs, and not by that of the node they came in at.
    """
    k8s.core.v1.Service(
        name,
        metadata=metadata(owner.facility, component, name, balancer.annotations if balancer else None),
        spec=ServiceSpecArgs(
            type=kind,
            load_balancer_class=balancer.class_name if balancer else None,
            external_traffic_policy="Local" if own_addresses and kind != "ClusterIP" else None,
            selector=selector(component),
            ports=[port],
        ),
        opts=owner.child(),
    )


def ingress(
    owner: FacilityComponent, component: str, name: str, *, host: str, service: str, port: str, told: Ingress
) -> None:
    """Make an Ingress that sends all of ``host`` to the port of that name of a Service."""
    backend = IngressServiceBackendArgs(name=service, port=ServiceBackendPortArgs(name=port))
    path = HTTPIngressPathArgs(path="/", path_type="Prefix", backend=IngressBackendArgs(service=backend))
    # Not every controller writes an address into the status, which `up` would wait for.
    annotations = {"pulumi.com/skipAwait": "true", **told.annotations}
    k8s.networking.v1.Ingress(
        name,
        metadata=metadata(owner.facility, component, name, annotations),
        spec=IngressSpecArgs(
            ingress_class_name=told.class_name,
            tls=[IngressTLSArgs(hosts=[host], secret_name=told.tls_secret)],
            rules=[IngressRuleArgs(host=host, http=HTTPIngressRuleValueArgs(paths=[path]))],
        ),
        opts=owner.child(),
    )
