"""The router's Kubernetes objects, with and without a door for the world."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.base import Facility
from components.ca import dask_domain
from components.dask_router import DaskRouter, DaskRouterArgs, session_door
from components.network import ports
from components.session import SessionDoor
from local.plugins.resource import Properties
from settings import DaskRouter as DaskRouterSettings
from settings import Images
from tests.realmocks import run_for_objects

FACILITY = Facility(namespace="af", dns_domain="cluster.local", storage_class=None, images=Images())
URL = "https://af.example.org"
PUBLIC = "Service/dask-router-public"


def made(settings: DaskRouterSettings | None, url: str = URL) -> tuple[DaskRouter, dict[str, Properties]]:
    """Return the component and what it made, by KIND/NAME."""
    components: list[DaskRouter] = []

    def program() -> None:
        args = DaskRouterArgs(facility=FACILITY, settings=settings, public_url=url)
        components.append(DaskRouter("router", args, pulumi.ResourceOptions()))

    resources = run_for_objects(program)
    return components[0], resources


def container(resources: dict[str, Properties]) -> Any:
    return resources["Deployment/dask-router"]["spec"]["template"]["spec"]["containers"][0]


def environment(resources: dict[str, Properties]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(resources)["env"]}


def test_without_the_setting_there_is_no_door() -> None:
    router, resources = made(None)
    assert router.door is None
    assert not router.contribution.callers
    assert PUBLIC not in resources
    assert "WORLD_DOMAIN" not in environment(resources)
    assert [port["name"] for port in container(resources)["ports"]] == ["dask", "http"]
    rules = resources["NetworkPolicy/dask-router-in"]["spec"]["ingress"]
    assert all(rule["from"] for rule in rules)


def test_with_it_the_world_gets_to_one_port_and_to_no_other() -> None:
    router, resources = made(DaskRouterSettings())
    assert router.door == SessionDoor(domain="dask.af.example.org", port=30786)
    assert environment(resources)["WORLD_DOMAIN"] == "dask.af.example.org"
    rules = resources["NetworkPolicy/dask-router-in"]["spec"]["ingress"]
    (world,) = [rule for rule in rules if not rule.get("from")]
    assert [port["port"] for port in world["ports"]] == [9786]
    assert [port["targetPort"] for port in resources[PUBLIC]["spec"]["ports"]] == [9786]


def test_sessions_are_asked_to_let_it_in_at_the_schedulers_port() -> None:
    assert made(DaskRouterSettings())[0].contribution.callers == {"dask-router": ports(8786)}


@pytest.mark.parametrize(
    ("service", "port", "node_port", "policy"),
    [
        ("NodePort", 30786, 30786, "Local"),
        ("LoadBalancer", 8786, None, "Local"),
        ("ClusterIP", 8786, None, None),
    ],
)
def test_the_service_is_as_the_settings_say_and_keeps_callers_addresses(
    service: Any, port: int, node_port: int | None, policy: str | None
) -> None:
    spec = made(DaskRouterSettings(service=service, port=port))[1][PUBLIC]["spec"]
    assert spec["type"] == service
    assert spec["ports"][0]["port"] == port
    assert spec["ports"][0].get("nodePort") == node_port
    assert spec.get("externalTrafficPolicy") == policy


def test_it_has_no_key_and_no_token_of_the_kubernetes_api() -> None:
    _, resources = made(DaskRouterSettings())
    spec = resources["Deployment/dask-router"]["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert not any("secret" in volume or "projected" in volume for volume in spec["volumes"])
    assert not [name for name in resources if name.startswith(("Secret/", "Role"))]


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://localhost:30443", "dask.localhost"),
        ("https://AF.example.org", "dask.af.example.org"),
        ("https://192.0.2.7", None),
        ("https://[2001:db8::7]:443", None),
    ],
)
def test_sessions_names_outside_are_made_of_the_facilitys(url: str, domain: str | None) -> None:
    assert dask_domain(url) == domain
    door = session_door(DaskRouterSettings(), url)
    assert (door.domain if door else None) == domain
