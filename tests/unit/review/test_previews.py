"""What a reviewer reads of previews that the engine made."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from policy.rules import breaches
from policy.subject import Subject
from review import effects
from review.comment import comment, marker
from review.preview import Preview, read
from tests.engine.previews.scenarios import SCENARIOS

KEPT = Path(__file__).parents[2] / "previews"


@cache
def preview(name: str) -> Preview:
    return read((KEPT / f"{name}.json").read_text())


def said(name: str) -> list[str]:
    """Return the effects on users, without Markdown's stars and ticks."""
    return [re.sub("[*`]", "", effect.text) for effect in effects.effects(preview(name).changes)]


def written(name: str) -> str:
    return comment(SCENARIOS[name].stack, preview(name))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_comment_is_whole_and_fits(name: str) -> None:
    text = written(name)
    assert len(text) <= 65_536 and text.startswith(marker(SCENARIOS[name].stack))
    assert text.count("<details>") == text.count("</details>")
    assert len(re.findall("^```", text, re.MULTILINE)) % 2 == 0


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_change_keeps_to_the_policy(name: str) -> None:
    subjects = [
        Subject(type=c.type, name=c.name, properties=c.new, protected=c.stays_protected)
        for c in preview(name).changes
        if c.new
    ]
    assert breaches(subjects) == []


def test_the_kept_previews_are_those_of_the_scenarios() -> None:
    assert {path.stem for path in KEPT.glob("*.json")} == set(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_place_of_a_machine_is_kept(name: str) -> None:
    assert not re.search(r"/(root|home|tmp|Users)/", (KEPT / f"{name}.json").read_text())


def test_nothing_changes_without_a_change() -> None:
    assert "Nothing changes: users notice nothing." in written("no-change")
    assert "### Details" not in written("no-change")


def test_a_new_image_of_the_hub_restarts_it() -> None:
    (told,) = said("image")
    assert told.startswith("hub restarts: running notebooks and log-ins stay")
    assert re.search(r"\| `hub` \| `\S+/hub:\w{12}` \| `\S+/hub:\w{12}` \|", written("image"))


def test_a_new_session_image_is_for_the_next_start() -> None:
    assert any(
        t.startswith("Sessions' image, from each next start: session.image") for t in said("session-image")
    )
    assert "| `hub-config` |" in written("session-image")


def test_sizes_are_told_by_profile() -> None:
    assert "Profile small: memory 3Gi → 4Gi, from each next start." in said("profile-size")
    assert any("hub.idleTimeout 3600 → 1800" in told for told in said("profile-size"))


def test_a_component_that_comes_or_goes_is_told() -> None:
    assert "New: StatefulSet xcache." in said("cache-added")
    assert "Gone: Service xcache, Service xcache-nodes, StatefulSet xcache." in said("cache-removed")
    assert said("cache-removed")[0] == (
        "StatefulSet xcache is deleted: its volumes stay where they are, its pods end."
    )


def test_more_pods_are_told() -> None:
    assert "xcache: pods 1 → 3." in said("replicas")


def test_a_replacement_is_told_first_with_its_reason() -> None:
    assert said("volume-size")[0].startswith("StatefulSet xcache is deleted and made anew")
    assert "Volume of xcache: 10Gi → 20Gi." in said("volume-size")
    line = next(line for line in written("volume-size").splitlines() if line.startswith("| `StatefulSet"))
    assert "volumeClaimTemplates[0].spec.resources.requests.storage" in line


def test_a_rename_without_an_alias_is_told_first() -> None:
    assert said("rename")[0].startswith("Service proxy-public is made and deleted under one name")


def test_a_new_secret_is_told_by_its_key_only() -> None:
    assert "Values of Secret hub-secrets become others: oidc-client-secret." in said("secret")
    assert "Secret values that differ: `data.oidc-client-secret`." in written("secret")


def test_a_rotation_of_keys_is_told() -> None:
    assert "Key 3 of data tokens is published from now on." in said("key-rotation")


def test_flows_that_close_come_before_those_that_change() -> None:
    told = [line for line in said("network") if line.startswith("Network")]
    assert told == [
        "Network flows closed: dask-scheduler-to-internet, dask-worker-to-internet, session-to-internet.",
        "Network flows changed: xcache-in.",
    ]


def test_a_refusal_of_the_engine_is_told_with_what_is_protected_first() -> None:
    text = written("protected")
    assert "the preview **failed**" in text and "### What users would notice" in text
    assert "marked for protection" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows[0].startswith("| `Namespace opendata` |") and "**protected**: the engine refuses" in rows[0]
    marks = ["**protected**" in row for row in rows[:12]]
    assert marks == sorted(marks, reverse=True)
    assert (
        said("protected")[0]
        == "Namespace opendata is deleted and made anew: everything in it goes, homes too."
    )


def test_wrong_settings_are_told_without_the_program_s_own_lines() -> None:
    text = written("refused")
    assert "coffea-casa:hub.idleTimeout: 5 is out of range; write 60 to 604800 seconds" in text
    assert "Traceback" not in text and "File " not in text and "Nothing changes" not in text


def test_a_first_update_is_told_short_and_whole() -> None:
    assert any(told.startswith("New: Deployment credentials") for told in said("first"))
    assert "| … and " in written("first")


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_comment_tells_a_secret(name: str) -> None:
    """The engine masks secrets itself; here each is put back in clear, in both shapes it may have."""
    secret = "hunter2-in-clear"
    told = (KEPT / f"{name}.json").read_text()
    for shape in (
        json.dumps(secret),
        json.dumps({"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": secret}),
    ):
        spoiled = told.replace('"[secret]"', shape)
        assert secret not in comment("x", read(spoiled)), shape


def test_there_are_secrets_to_hide() -> None:
    assert sum((KEPT / f"{name}.json").read_text().count("[secret]") for name in SCENARIOS) > 50
