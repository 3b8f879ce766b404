"""Right stack files: the project's own, defaults, what the engine hands over, and what is generated."""

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any, cast

import jsonschema
import pulumi
import pytest
import yaml
from pulumi.runtime import set_all_config

from settings import Settings, SettingsError, load, model
from settings.pulumi_config import from_pulumi
from settings.quantity import bytes_of
from settings.schema import descriptions, stack_schema
from tools import generate

ROOT = Path(__file__).parents[3]
STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))
SECRET = "coffea-casa:clientSecret"


def config_of(path: Path) -> dict[str, Any]:
    config = yaml.safe_load(path.read_text())["config"]
    return {
        key.removeprefix("coffea-casa:"): v for key, v in config.items() if key.startswith("coffea-casa:")
    }


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_the_projects_own_stacks_load(path: Path) -> None:
    raw, secrets = config_of(path), frozenset[str]()
    if raw.get("identity", {}).get("issuer"):
        raw, secrets = raw | {"clientSecret": "x"}, frozenset({"clientSecret"})
    assert load(raw, stack="site", secrets=secrets).namespace == "site"


def left_open(raw: Any, key: str = "") -> tuple[Any, set[str]]:
    """Return settings with a placeholder for every text, and the keys of those."""
    if isinstance(raw, dict):
        items = cast(dict[str, Any], raw).items()
        parts = {name: left_open(value, f"{key}.{name}" if key else name) for name, value in items}
        return {name: part[0] for name, part in parts.items()}, {
            k for part in parts.values() for k in part[1]
        }
    if isinstance(raw, list):
        listed = [left_open(value, f"{key}[{i}]") for i, value in enumerate(cast(list[Any], raw))]
        return [part[0] for part in listed], {k for part in listed for k in part[1]}
    return ("<to be told>", {key}) if isinstance(raw, str) else (raw, set())


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_a_stack_file_with_placeholders_is_refused_with_every_one_of_them(path: Path) -> None:
    raw, keys = left_open(config_of(path))
    with pytest.raises(SettingsError) as caught:
        load(raw, stack="site")
    assert {p.key for p in caught.value.problems if "is a placeholder" in p.wrong} == keys
    for key in keys:
        assert f"coffea-casa:{key}: '<to be told>' is a placeholder" in str(caught.value)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_the_schema_accepts_the_projects_own_stacks(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), stack_schema())


def test_there_are_the_three_flavours() -> None:
    assert [path.name for path in STACKS] == ["Pulumi.atlas.yaml", "Pulumi.opendata.yaml", "Pulumi.unl.yaml"]


def test_nothing_set_is_every_default_and_the_stacks_name() -> None:
    assert load({}, stack="opendata") == Settings(namespace="opendata")


def test_what_is_set_beside_defaults_is_kept() -> None:
    settings = load({"hub": {"idleTimeout": 120}}, stack="opendata")
    assert (settings.hub.idle_timeout, settings.hub.concurrent_spawns) == (120, 16)


def test_the_engines_configuration_is_read_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "site")
    issuer = {"issuer": "https://issuer.example.org", "clientId": "facility"}
    values = {
        "coffea-casa:identity": json.dumps(issuer),
        "coffea-casa:access": json.dumps({"everyone": True}),
        SECRET: "[not json",
        "kubernetes:context": "other",
    }
    set_all_config(values, [SECRET])
    try:
        settings = from_pulumi()
    finally:
        set_all_config({}, [])
    assert settings.identity.client_id == "facility"
    assert settings.namespace == "site"


def test_text_that_only_begins_like_a_list_is_refused_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_stack", lambda: "site")
    set_all_config({"coffea-casa:namespace": "[x"}, [])
    try:
        with pytest.raises(SettingsError, match=r"'\[x' is no name for a namespace"):
            from_pulumi()
    finally:
        set_all_config({}, [])


def test_generated_files_are_as_they_would_be_generated_now() -> None:
    assert generate.stale() == []


def test_a_changed_generated_file_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate.schema, "document", lambda: "something else")
    assert [path.name for path in generate.stale()] == ["settings.md"]
    assert generate.main(["--check"]) == 1


def test_every_setting_has_a_description() -> None:
    for _, cls in inspect.getmembers(model, dataclasses.is_dataclass):
        assert isinstance(cls, type)
        assert set(descriptions(cls)) == {field.name for field in dataclasses.fields(cls)}, cls


@pytest.mark.parametrize(
    ("text", "number"), [("1Ki", 1024), ("512Mi", 2**29), ("2Gi", 2**31), ("1Ti", 2**40)]
)
def test_quantities_are_binary(text: str, number: int) -> None:
    assert bytes_of(text) == number


@pytest.mark.parametrize("text", ["2G", "2", "-1Gi", "0Gi", "1.5Gi", "Gi", "", "2Gi "])
def test_other_quantities_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        bytes_of(text)
