"""Dask's configuration in sessions: none of its files may leave the guard out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PROGRAMS = ("scheduler", "worker", "nanny")


def configurations() -> dict[str, Any]:
    """Return the files in the repository that configure distributed, by path."""
    files = [file for room in ("images", "components") for file in (ROOT / room).rglob("*.yaml")]
    read = {str(file.relative_to(ROOT)): yaml.safe_load(file.read_text()) for file in files}
    return {path: content["distributed"] for path, content in read.items() if "distributed" in content}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_image_has_every_program_of_dask_load_the_guard(program: str) -> None:
    assert "same_user" in configurations()["images/session/dask/preload.yaml"][program]["preload"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_other_file_has_a_list_of_preloads_without_it(program: str) -> None:
    """Dask does not add up the lists of several files: one replaces the other."""
    for path, distributed in configurations().items():
        assert "same_user" in distributed.get(program, {}).get("preload", ["same_user"]), path
