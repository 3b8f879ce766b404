"""The engine itself takes what the release before left behind to today's program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import engine
from review.preview import Preview, read
from tests.engine.previews.recorder import Bench
from tests.engine.previews.scenarios import Edit
from tests.upgrade import previous
from tests.upgrade.losses import precious
from tests.upgrade.recorder import scenario


def preview(stack: str, directory: Path, *edits: Edit) -> Preview:
    """Preview an upgrade of a stack to today's program, with edits of it."""
    engine.get()
    bench = Bench(directory / "bench", previous.under_todays_program(directory / "program"))
    chosen = scenario(stack, edits)
    (bench.directory / "backend").mkdir(parents=True)
    bench.lay_program(chosen, changed=True)
    bench.call("stack", "init", stack, "--secrets-provider", "passphrase")
    file = directory / "state.json"
    file.write_text(json.dumps(previous.state(stack, str(bench.directory))))
    bench.call("stack", "import", "--stack", stack, "--file", str(file))
    return read(json.dumps(bench.preview(chosen)))


def lost(found: Preview) -> set[str]:
    """Return what the engine would delete or make anew, and should not."""
    return {
        change.label
        for change in found.changes
        if change.operation in ("replace", "delete", "forget")
        and precious(change.type, change.old, protected=change.protected)
    }


@pytest.mark.parametrize("stack", previous.stacks())
def test_an_upgrade_loses_nothing(stack: str, tmp_path: Path) -> None:
    found = preview(stack, tmp_path)
    assert not found.failures
    assert found.unchanged > 50, "the state is that of this stack"
    assert lost(found) == set()


def test_a_claim_under_another_name_is_lost_and_refused(tmp_path: Path) -> None:
    found = preview(
        "opendata", tmp_path, ("components/hub.py", 'claim(self, HUB, "hub-db"', 'claim(self, HUB, "hub"')
    )
    assert lost(found) == {"PersistentVolumeClaim hub-db"}
    assert any("protect" in failure for failure in found.failures)
