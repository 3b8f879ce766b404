"""The engine knows resources by their URNs: one that changes is deleted and made anew, with what it held."""

from __future__ import annotations

from pathlib import Path

from tests.stacks.checks.registration import moved
from tools.recording import Recorded

URNS = Path(__file__).parent / "urns"


def test_urns_are_the_frozen_ones(recorded: Recorded, stack: str, update: bool) -> None:
    file = URNS / f"{stack}.txt"
    urns = [resource.urn for resource in recorded.resources]
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(urns) + "\n")
    frozen = file.read_text().split("\n")[:-1] if file.is_file() else []
    advice = f"add an alias, or edit the list (pytest --update-snapshots writes {file.name})"
    assert not moved(urns, frozen), advice


def test_a_renamed_resource_is_noticed(opendata: Recorded) -> None:
    urns = [resource.urn for resource in opendata.resources]
    renamed = [urn.replace("::hub-db", "::database") for urn in urns]
    problems = moved(renamed, urns)
    assert len(problems) == 2
    assert problems[0].endswith("::hub-db left the list")
    assert problems[1].endswith("::database is not in the list")
