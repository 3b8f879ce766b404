"""A stack as one text: a change of the program shows what it changes in every facility."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.harness import edited
from tools.manifests import manifest, snapshot, stable
from tools.recording import Recorded, Resource, Secret

HERE = Path(__file__).parent


def difference(file: Path, text: str, advice: str) -> str:
    """Return what to say when ``text`` is not what the file holds; empty if it is."""
    if file.is_file() and file.read_text() == text:
        return ""
    return f"{file.relative_to(HERE)} {'differs' if file.is_file() else 'is missing'}: {advice}"


def test_a_stack_is_what_its_snapshot_says(recorded: Recorded, stack: str, update: bool) -> None:
    file, text = HERE / "snapshots" / f"{stack}.yaml", snapshot(recorded)
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    advice = "if the change is meant, run pytest with --update-snapshots and review the diff"
    assert file.is_file() and text.splitlines() == file.read_text().splitlines(), difference(
        file, text, advice
    )


def test_a_snapshot_is_yaml_of_every_object(recorded: Recorded) -> None:
    documents = list(yaml.safe_load_all(snapshot(recorded)))
    assert sum("apiVersion" in document for document in documents) == len(recorded.objects)


def test_a_snapshot_holds_no_secret(recorded: Recorded) -> None:
    text = snapshot(recorded)
    assert not [secret for secret in recorded.secret_values if secret in text]


def test_a_secret_that_is_not_marked_is_not_shown_either(opendata: Recorded) -> None:
    def unmark(inputs: dict[str, object]) -> None:
        inputs["stringData"] = {"token": "fake-password"}

    spoiled = edited(opendata.objects, "Secret", "proxy-secrets", unmark)
    (secret,) = [r for r in spoiled if r.metadata_name == "proxy-secrets" and r.kind == "Secret"]
    assert manifest(secret)["stringData"] == {"token": "<secret>"}


def test_a_secret_in_a_pod_is_not_shown() -> None:
    resource = Resource(urn="", type="kubernetes:core/v1:Pod", name="p", inputs={"env": [Secret("x")]})
    assert manifest(resource) == {"env": ["<secret>"]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"image": "localhost/coffea-casa/hub:abc"}, {"image": "localhost/coffea-casa/hub:<tag>"}),
        ({"image": "localhost/coffea-casa/hub:2.0"}, {"image": "localhost/coffea-casa/hub:2.0"}),
        ({"a": '{"image": "r/session:abc"}'}, {"a": '{"image": "r/session:<tag>"}'}),
        ([{"checksum/config": "12"}], [{"checksum/config": "<checksum>"}]),
        ({"checksums": "12"}, {"checksums": "12"}),
    ],
)
def test_tags_and_checksums_do_not_churn_a_snapshot(value: object, shown: object) -> None:
    assert stable(value, tags=lambda name: "abc") == shown


def test_a_changed_object_changes_the_snapshot(opendata: Recorded) -> None:
    def scale(inputs: dict[str, dict[str, object]]) -> None:
        inputs["spec"]["replicas"] = 2

    spoiled = replace(opendata, resources=tuple(edited(opendata.resources, "Deployment", "proxy", scale)))
    assert snapshot(spoiled) != snapshot(opendata)
