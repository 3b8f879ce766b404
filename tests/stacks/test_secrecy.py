"""Secrets stay where secrets belong."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.harness import edited
from tests.stacks.checks import secrecy
from tools.recording import Recorded, Resource, Secret


def test_no_secret_is_outside_a_secret(recorded: Recorded) -> None:
    assert not secrecy.leaks(recorded)


def test_all_data_of_secrets_is_marked_secret(recorded: Recorded) -> None:
    assert not secrecy.unmarked(recorded)


def test_no_secret_is_its_own_id(recorded: Recorded) -> None:
    assert not secrecy.told_by_id(recorded)


def test_a_secret_that_is_its_own_id_is_noticed(opendata: Recorded) -> None:
    resource = Resource(urn="", type="random:index/randomBytes:RandomBytes", name="key")
    spoiled = replace(opendata, resources=(*opendata.resources, resource))
    assert secrecy.told_by_id(spoiled) == ["random:index/randomBytes:RandomBytes key"]


def test_the_run_had_secrets_to_look_for(recorded: Recorded) -> None:
    assert len(recorded.secret_values) > 5


def add_variable(value: object) -> Callable[[Any], None]:
    """Return an edit that gives the first container an environment variable."""

    def edit(inputs: Any) -> None:
        inputs["spec"]["template"]["spec"]["containers"][0].setdefault("env", []).append(
            {"name": "X", "value": value}
        )

    return edit


def a_secret(recorded: Recorded) -> str:
    """Return a password of the run."""
    return min(secret for secret in recorded.secret_values if secret.startswith("fake-password"))


def test_a_value_marked_secret_in_a_pod_is_noticed(opendata: Recorded) -> None:
    spoiled = edited(opendata.resources, "Deployment", "hub", add_variable(Secret("harmless")))
    assert len(secrecy.leaks(replace(opendata, resources=tuple(spoiled)))) == 1


@pytest.mark.parametrize(
    "disguise", [str, lambda text: f"token={text}", lambda t: base64.b64encode(t.encode()).decode()]
)
def test_the_text_of_a_secret_in_a_pod_is_noticed(opendata: Recorded, disguise: Callable[[str], str]) -> None:
    spoiled = edited(opendata.resources, "Deployment", "hub", add_variable(disguise(a_secret(opendata))))
    assert len(secrecy.leaks(replace(opendata, resources=tuple(spoiled)))) == 1


def test_a_private_key_in_a_config_map_is_noticed(opendata: Recorded) -> None:
    def spill(inputs: Any) -> None:
        inputs["data"]["key.pem"] = "-----BEGIN EC PRIVATE " + "KEY-----"

    spoiled = edited(opendata.resources, "ConfigMap", "facility-ca", spill)
    assert len(secrecy.leaks(replace(opendata, resources=tuple(spoiled)))) == 1


def test_a_secret_in_a_stack_or_component_output_is_noticed(opendata: Recorded) -> None:
    value = a_secret(opendata)
    assert len(secrecy.leaks(replace(opendata, outputs={"x": {"y": value}}))) == 1
    assert not secrecy.leaks(replace(opendata, outputs={"x": {"y": Secret(value)}}))
    assert len(secrecy.leaks(replace(opendata, component_outputs={"urn": {"token": value}}))) == 1


def test_a_secret_in_a_label_of_a_secret_is_noticed(opendata: Recorded) -> None:
    value = a_secret(opendata)
    spoiled = edited(
        opendata.resources,
        "Secret",
        "hub-secrets",
        lambda inputs: inputs["metadata"]["labels"].update(x=value),
    )
    assert len(secrecy.leaks(replace(opendata, resources=tuple(spoiled)))) == 1


def test_data_of_a_secret_that_is_not_marked_is_noticed(opendata: Recorded) -> None:
    spoiled = edited(opendata.resources, "Secret", "hub-secrets", lambda i: i.update(stringData={"a": "b"}))
    assert secrecy.unmarked(replace(opendata, resources=tuple(spoiled))) == [
        "Secret hub-secrets: a is not marked secret"
    ]
