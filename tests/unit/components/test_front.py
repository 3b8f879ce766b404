"""What faces the world: the way to the proxy and to Dask's door, as Kubernetes objects."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import ServicePortArgs

from components.base import Facility, FacilityComponent
from components.front import ingress, public_service
from local.plugins.resource import Properties
from settings import Balancer, Images, Ingress
from tests.realmocks import run_for_objects

FACILITY = Facility(namespace="af", dns_domain="cluster.local", storage_class=None, images=Images())
BALANCER = Balancer(annotations={"example.org/name": "af.example.org"}, class_name="example.org/balancer")
TOLD = Ingress(
    class_name="nginx", tls_secret="front", annotations={"nginx.ingress.kubernetes.io/proxy-body-size": "1g"}
)


def made(call: Any) -> dict[str, Properties]:
    """Return what a component makes by a call with itself."""
    return run_for_objects(
        lambda: call(FacilityComponent("coffea-casa:index:X", "x", FACILITY, pulumi.ResourceOptions()))
    )


def service(kind: str, balancer: Balancer | None = None, *, own_addresses: bool = True) -> Properties:
    def call(owner: FacilityComponent) -> None:
        port = ServicePortArgs(name="dask", port=8786, target_port=9786)
        public_service(
            owner, "router", "public", port, kind=kind, balancer=balancer, own_addresses=own_addresses
        )

    return made(call)["Service/public"]


def front(told: Ingress = TOLD) -> Properties:
    def call(owner: FacilityComponent) -> None:
        ingress(owner, "proxy", "proxy", host="af.example.org", service="public", port="http", told=told)

    return made(call)["Ingress/proxy"]


def test_a_balancer_gets_its_annotations_and_its_class() -> None:
    found = service("LoadBalancer", BALANCER)
    assert found["metadata"]["annotations"] == BALANCER.annotations
    assert found["spec"]["loadBalancerClass"] == "example.org/balancer"
    assert "loadBalancerClass" not in service("LoadBalancer")["spec"]


def test_callers_addresses_are_kept_where_they_matter_and_can_be() -> None:
    assert service("LoadBalancer")["spec"]["externalTrafficPolicy"] == "Local"
    assert service("NodePort")["spec"]["externalTrafficPolicy"] == "Local"
    assert "externalTrafficPolicy" not in service("ClusterIP")["spec"]
    assert "externalTrafficPolicy" not in service("LoadBalancer", own_addresses=False)["spec"]


def test_an_ingress_sends_all_of_its_one_host_to_the_service_over_tls() -> None:
    spec = front()["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["af.example.org"], "secretName": "front"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "af.example.org"
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "public", "port": {"name": "http"}}


def test_the_operators_annotations_are_the_controllers_and_nobody_waits_for_an_address() -> None:
    annotations = front()["metadata"]["annotations"]
    assert annotations == {"pulumi.com/skipAwait": "true", **TOLD.annotations}


def test_without_a_secret_the_controllers_own_certificate_is_meant() -> None:
    assert front(Ingress())["spec"]["tls"] == [{"hosts": ["af.example.org"]}]
