"""Two facilities in one cluster: neither names the other, and they share one CRD."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from settings import load
from tests.harness import edited
from tests.stacks.checks import tenants
from tools.recording import ROOT, Recorded
from tools.stackfiles import run_stack, settings_of

ONE, OTHER = "tenant-one", "tenant-two"
CRD = "daskclusters.gateway.dask.org"


@cache
def tenant(stack: str, namespace: str) -> Recorded:
    return run_stack(stack, changes={"namespace": namespace})


def test_in_another_namespace_nothing_has_the_name_of_the_usual_one(opendata: Recorded) -> None:
    assert tenants.naming(opendata.objects, "opendata")
    assert tenants.naming(tenant("opendata", ONE).objects, "opendata") == []


def test_a_name_that_is_written_down_is_noticed(opendata: Recorded) -> None:
    def call_the_other(inputs: Any) -> None:
        inputs["data"]["settings.json"] += "http://hub.tenant-two.svc:8081"

    spoiled = edited(opendata.objects, "ConfigMap", "hub-config", call_the_other)
    assert tenants.naming(spoiled, OTHER) == ["ConfigMap hub-config"]


def test_facilities_differ_in_their_namespace_alone(stack: str) -> None:
    one, other = tenant(stack, ONE), tenant(stack, OTHER)
    assert tenants.naming(one.objects, OTHER) == []
    assert tenants.moved(one.objects, ONE, OTHER) == tenants.moved(other.objects, OTHER, OTHER)


def test_they_share_one_crd_that_stays_when_they_go(stack: str) -> None:
    assert tenants.collisions(tenant(stack, ONE).objects, tenant("opendata", OTHER).objects) == []
    kinds = {r.kind for r in tenant(stack, ONE).objects if not r.manifest["metadata"].get("namespace")}
    assert kinds == {"Namespace", "CustomResourceDefinition"}


def test_a_collision_is_noticed() -> None:
    one = tenant("opendata", ONE).objects

    def of_one_facility(inputs: Any) -> None:
        inputs["metadata"]["labels"]["app.kubernetes.io/instance"] = ONE

    assert tenants.collisions(one, one) == [f"both have Namespace {ONE}"]
    other = tenant("opendata", OTHER).objects
    spoiled = edited(one, "CustomResourceDefinition", CRD, of_one_facility)
    assert tenants.collisions(spoiled, other) == [f"CustomResourceDefinition {CRD} is not the same in both"]
    going = [replace(r, retain_on_delete=False) for r in one]
    assert tenants.collisions(going, other) == [f"CustomResourceDefinition {CRD} would go with one"]


def test_a_node_has_no_port_of_a_facility_but_those_of_its_settings() -> None:
    def taken(recorded: Recorded) -> set[int]:
        return set(tenants.node_ports([resource.manifest for resource in recorded.objects]))

    other = run_stack("opendata", changes={"public.nodePort": 31443, "daskRouter.port": 31786})
    assert taken(tenant("opendata", ONE)) == {30443, 30786}
    assert taken(other) == {31443, 31786}


def test_the_second_facility_of_the_end_to_end_tests_has_good_settings() -> None:
    raw, secrets = settings_of((ROOT / "tests/e2e/second.yaml").read_text())
    second = load(raw, stack="second", secrets=secrets)
    assert second.namespace == "second"
    assert second.health is not None
    assert not (second.pool or second.xcache or second.dask_gateway.install_crd)
