"""The engine still tells what the kept previews say it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import engine
from review.change import Change
from review.effects import effects
from review.preview import Preview, read
from tests.engine.previews.recorder import KEPT, SCENARIOS, record


def told(change: Change) -> tuple[object, ...]:
    return change.operation, change.label, tuple(change.touched), tuple(change.forcing), change.protected


def shape(preview: Preview) -> list[tuple[object, ...]]:
    return sorted(map(told, preview.changes))


@pytest.mark.parametrize("name", ["volume-size", "secret", "protected", "refused"])
def test_a_preview_is_as_it_was_kept(name: str, tmp_path: Path) -> None:
    engine.get()
    record([name], tmp_path)
    kept, now = (read((place / f"{name}.json").read_text()) for place in (KEPT, tmp_path))
    assert shape(now) == shape(kept), "run `make previews` and review what differs"
    assert len(effects(now.changes)) == len(effects(kept.changes))
    assert bool(now.failures) == bool(kept.failures)
    assert name in SCENARIOS
