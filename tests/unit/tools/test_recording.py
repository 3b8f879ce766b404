"""The recorder shows what the engine would have been told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
import pulumi_tls as tls
import pytest
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from tools.recording import UNKNOWN, Configuration, Recorded, Resource, Secret, record


class Part(pulumi.ComponentResource):
    """A component with another inside, and a password there."""

    def __init__(self, name: str, inside: bool = True) -> None:
        super().__init__("p:index:Part", name, {"size": 3})
        opts = pulumi.ResourceOptions(parent=self, protect=True)
        if inside:
            self.password = random.RandomPassword(f"{name}-password", length=8, opts=opts)
        self.register_outputs({"size": 3})


def run(program: Callable[[], object], **options: Any) -> Recorded:
    """Run a program as the stack s of the project p."""
    config = Configuration(values={"p:plain": "a", "p:hidden": "b"}, secrets=frozenset({"p:hidden"}))
    return record(program, project="p", stack="s", config=config, **options)


def only(recorded: Recorded, name: str) -> Resource:
    """Return the one resource of a name."""
    (found,) = [resource for resource in recorded.resources if resource.name == name]
    return found


def test_urns_have_the_types_of_all_ancestors() -> None:
    made = only(run(lambda: Part("a")), "a-password")
    assert made.urn == "urn:pulumi:s::p::p:index:Part$random:index/randomPassword:RandomPassword::a-password"
    assert made.parent == "urn:pulumi:s::p::p:index:Part::a"


def test_options_inputs_and_outputs_of_components_are_kept() -> None:
    recorded = run(lambda: Part("a"))
    assert only(recorded, "a-password").protect
    assert not only(recorded, "a").protect
    assert not only(recorded, "a").custom
    assert only(recorded, "a").inputs == {"size": 3}
    assert recorded.component_outputs == {"urn:pulumi:s::p::p:index:Part::a": {"size": 3}}


def test_what_the_sdk_wants_secret_is_secret_in_whatever_is_made_of_it() -> None:
    def program() -> None:
        pulumi.export("password", pulumi.Output.format("it is {0}", Part("a").password.result))
        pulumi.export(
            "certificate", tls.SelfSignedCert("c", allowed_uses=[], validity_period_hours=1).cert_pem
        )

    recorded = run(program)
    assert isinstance(recorded.outputs["password"], Secret)
    (password,) = [value for value in recorded.secret_values if value.startswith("fake-password")]
    assert recorded.outputs["password"].value == f"it is {password}"
    assert recorded.outputs["certificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_configuration_and_its_secrets_reach_the_program() -> None:
    def program() -> None:
        config = pulumi.Config("p")
        pulumi.export("plain", config.require("plain"))
        pulumi.export("hidden", config.require_secret("hidden"))

    recorded = run(program)
    assert recorded.outputs == {"plain": "a", "hidden": Secret("b")}
    assert "b" in recorded.secret_values


def test_a_preview_knows_nothing_that_providers_compute() -> None:
    recorded = run(
        lambda: pulumi.export("p", pulumi.Output.unsecret(Part("a").password.result)), preview=True
    )
    assert recorded.outputs["p"] is UNKNOWN


def test_regenerated_values_differ_and_all_others_stay() -> None:
    def program() -> None:
        for name in ("a", "b"):
            pulumi.export(name, pulumi.Output.unsecret(Part(name).password.result))

    first, second = run(program), run(program, regenerated=["a-password"])
    assert first.outputs["a"] != second.outputs["a"]
    assert first.outputs["b"] == second.outputs["b"]


def test_objects_are_as_kubernetes_gets_them() -> None:
    def program() -> None:
        provider = k8s.Provider("cluster")
        k8s.core.v1.Secret(
            "s",
            metadata=ObjectMetaArgs(name="tokens"),
            string_data={"token": "x"},
            opts=pulumi.ResourceOptions(provider=provider),
        )

    made = only(run(program), "s")
    assert (made.kind, made.metadata_name) == ("Secret", "tokens")
    assert isinstance(made.inputs["stringData"], Secret)
    assert made.manifest["stringData"] == {"token": "x"}
    assert "pulumi:providers:kubernetes::cluster" in made.provider


def test_what_the_program_raises_is_raised() -> None:
    def broken() -> None:
        Part("a")
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        run(broken)


def test_what_an_apply_raises_is_raised() -> None:
    def broken(_: object) -> None:
        raise ValueError("wrong in apply")

    with pytest.raises(ValueError, match="wrong in apply"):
        run(lambda: Part("a").password.result.apply(broken))


def test_runs_leave_nothing_behind() -> None:
    assert run(lambda: Part("a")) == run(lambda: Part("a"))
    assert not run(lambda: None).resources


def test_a_provider_it_does_not_know_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="RandomPet"):
        run(lambda: random.RandomPet("a"))
