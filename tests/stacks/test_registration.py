"""Every resource has a family, a place, labels and, where it is identity or data, protection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from tests import harness
from tests.harness import edited
from tests.stacks.checks import registration
from tools.recording import Configuration, Recorded, Resource, record


def changed(recorded: Recorded, name: str, **fields: Any) -> list[Resource]:
    """Return the resources with fields of one of them changed."""
    assert [r for r in recorded.resources if r.name == name]
    return [replace(r, **fields) if r.name == name else r for r in recorded.resources]


def test_nothing_is_there_twice(recorded: Recorded) -> None:
    assert not registration.duplicates(recorded.resources)


def test_an_object_that_is_there_twice_is_noticed(opendata: Recorded) -> None:
    (proxy,) = [r for r in opendata.objects if (r.kind, r.metadata_name) == ("Deployment", "proxy")]
    twin = replace(proxy, urn=proxy.urn + "-2")
    assert registration.duplicates([*opendata.resources, twin]) == [
        "2 times ('Deployment', 'opendata', 'proxy')"
    ]
    assert len(registration.duplicates([*opendata.resources, proxy])) == 2


def test_every_resource_belongs_to_a_component(recorded: Recorded) -> None:
    assert not registration.orphans(recorded.resources)


def test_a_resource_of_no_component_is_noticed(opendata: Recorded) -> None:
    assert registration.orphans(changed(opendata, "hub-db", parent=""))
    assert registration.orphans(changed(opendata, "dask-router", type="other:index:X", custom=False))


def test_every_component_registers_its_outputs(recorded: Recorded) -> None:
    assert not registration.unfinished(recorded)


def test_a_component_that_forgets_its_outputs_is_noticed(opendata: Recorded) -> None:
    spoiled = replace(opendata, component_outputs={})
    assert "coffea-casa:index:Hub hub" in registration.unfinished(spoiled)


def test_every_object_is_in_the_namespace_and_sent_to_the_named_cluster(
    recorded: Recorded, namespace: str
) -> None:
    assert not registration.misplaced(recorded.objects, namespace)


def test_an_object_elsewhere_is_noticed(opendata: Recorded) -> None:
    def move(inputs: Any) -> None:
        inputs["metadata"]["namespace"] = "default"

    def widen(inputs: Any) -> None:
        inputs["kind"] = "ClusterRole"

    for spoiled in (
        edited(opendata.objects, "ConfigMap", "hub-config", move),
        edited(opendata.objects, "Namespace", "opendata", move),
        edited(opendata.objects, "Role", "hub", widen),
        [r for r in changed(opendata, "hub-db", provider="") if r.kubernetes],
    ):
        assert len(registration.misplaced(spoiled, "opendata")) == 1


def test_default_providers_are_disabled(config: dict[str, str]) -> None:
    assert config["pulumi:disable-default-providers"] == '["kubernetes"]'


def test_every_object_has_the_six_labels_and_selectors_do_not_change(
    recorded: Recorded, namespace: str
) -> None:
    assert not registration.unlabelled(recorded.objects, namespace)


def test_a_missing_or_wrong_label_is_noticed(opendata: Recorded) -> None:
    def unlabel(inputs: Any) -> None:
        del inputs["metadata"]["labels"]["app.kubernetes.io/version"]

    def lie(inputs: Any) -> None:
        inputs["metadata"]["labels"]["app.kubernetes.io/instance"] = "unl"

    def select_by_version(inputs: Any) -> None:
        inputs["spec"]["selector"]["matchLabels"]["app.kubernetes.io/version"] = "0.1.0"

    for edit, expected in ((unlabel, 1), (lie, 1), (select_by_version, 2)):
        spoiled = edited(opendata.objects, "Deployment", "proxy", edit)
        assert len(registration.unlabelled(spoiled, "opendata")) == expected


def test_a_facilitys_label_on_what_all_share_is_noticed(opendata: Recorded) -> None:
    def claim(inputs: Any) -> None:
        inputs["metadata"]["labels"]["app.kubernetes.io/instance"] = "opendata"

    name = "daskclusters.gateway.dask.org"
    spoiled = edited(opendata.objects, "CustomResourceDefinition", name, claim)
    (problem,) = registration.unlabelled(spoiled, "opendata")
    assert "is shared" in problem


def test_identity_and_data_are_protected(recorded: Recorded) -> None:
    assert not registration.unprotected(recorded.resources)


@pytest.mark.parametrize(
    "name", ["ca-key", "hub-cookie-secret", "hub-db", "namespace", "identity-client-secret"]
)
def test_lost_protection_is_noticed(opendata: Recorded, name: str) -> None:
    problems = registration.unprotected(changed(opendata, name, protect=False))
    assert len(problems) == 1 and "is not protected" in problems[0]


def test_nothing_is_made_inside_apply(stack: str, recorded: Recorded) -> None:
    # What providers compute is unknown in a preview, so a resource made from it would be missing.
    preview = harness.recorded(stack, preview=True)
    assert {r.urn for r in preview.resources} == {r.urn for r in recorded.resources}


def test_a_resource_made_inside_apply_is_noticed() -> None:
    import pulumi_random as random

    def program() -> None:
        first = random.RandomPassword("first", length=8)
        first.result.apply(lambda _: random.RandomPassword("second", length=8) and None)

    runs = [
        record(program, project="p", stack="s", config=Configuration(values={}), preview=preview)
        for preview in (False, True)
    ]
    assert [len(run.resources) for run in runs] == [2, 1]


def test_a_string_made_of_an_output_raises() -> None:
    def program() -> None:
        pulumi.export("text", f"{pulumi.Output.from_input('x')}")

    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        record(program, project="p", stack="s", config=Configuration(values={}))
