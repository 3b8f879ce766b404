"""Stack files are read as the engine reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.recording import Secret
from tools.stackfiles import SECRET, UnknownStackError, configuration, run_stack, stacks

PROJECT = """
name: shop
config:
  size:
    type: integer
    default: 3
  colour:
    type: string
"""
STACK = """
config:
  shop:colour: red
  shop:door: {open: true, keys: [a, b]}
  shop:token: {secure: v1:abcdef}
  shop:nested: {deep: [{secure: v1:abcdef}]}
  aws:region: here
"""
PROGRAM = """
import pulumi
config = pulumi.Config()
for key in ("size", "colour", "door"):
    pulumi.export(key, config.get(key))
pulumi.export("token", config.require_secret("token"))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with the stack east."""
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.east.yaml").write_text(STACK)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    return tmp_path


def test_objects_are_json_and_defaults_of_the_project_count(shop: Path) -> None:
    project, config = configuration("east", shop)
    assert project == "shop"
    assert config.values["shop:size"] == "3"
    assert config.values["shop:colour"] == "red"
    assert json.loads(config.values["shop:door"]) == {"open": True, "keys": ["a", "b"]}
    assert config.values["aws:region"] == "here"


def test_encrypted_values_are_replaced_and_their_keys_are_secret(shop: Path) -> None:
    _, config = configuration("east", shop)
    assert config.secrets == {"shop:token", "shop:nested"}
    assert config.values["shop:token"] == SECRET + "token"
    assert json.loads(config.values["shop:nested"]) == {"deep": [SECRET + "nested.deep[0]"]}


def test_an_external_issuer_gets_the_client_secret_its_file_leaves_out(shop: Path) -> None:
    assert "shop:clientSecret" not in configuration("east", shop)[1].values
    (shop / "Pulumi.west.yaml").write_text("config: {'shop:identity': {issuer: https://a.example}}")
    assert "shop:clientSecret" in configuration("west", shop)[1].secrets


def test_a_stack_without_a_file_is_refused_with_the_names_of_those_there_are(shop: Path) -> None:
    (shop / "Pulumi.west.yaml").write_text("config: {}")
    assert stacks(shop) == ["east", "west"]
    with pytest.raises(UnknownStackError, match=r"'north': Pulumi\.north\.yaml does not exist.*east, west"):
        configuration("north", shop)


def test_the_program_runs_with_the_stacks_configuration_and_changes_to_it(shop: Path) -> None:
    assert run_stack("east", shop).outputs == {
        "size": "3",
        "colour": "red",
        "door": '{"open": true, "keys": ["a", "b"]}',
        "token": Secret(SECRET + "token"),
    }
    outputs = run_stack("east", shop, changes={"colour": "blue", "door.lock.kind": "iron"}).outputs
    assert outputs["colour"] == "blue"
    assert json.loads(outputs["door"]) == {"open": True, "keys": ["a", "b"], "lock": {"kind": "iron"}}
