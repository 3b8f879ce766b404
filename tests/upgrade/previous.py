"""The release before, as previous.json names it, and its program."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from local.stackfile import link_project

ROOT = Path(__file__).resolve().parents[2]
RELEASE: str = json.loads(Path(__file__).with_name("previous.json").read_text())["release"]
KEPT = Path(__file__).parent / RELEASE
"""Its program, and the file and the engine's state of each stack, as that release left them (recorder.py)."""
PLACE = "@DIRECTORY@"
"""Stands in a kept state for the directory that the provider writes to."""


def unpack(directory: Path) -> Path:
    """Write the program of that release into ``directory`` and return it."""
    # Kept, and not a commit's: a clone need not have the history, and whoever lands a change may rewrite it.
    with tarfile.open(KEPT / "program.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    return directory


def stacks() -> list[str]:
    """Return the names of the stacks whose state is kept."""
    return sorted(file.name.partition(".")[0] for file in KEPT.glob("*.json.gz"))


def state(stack: str, directory: str = PLACE) -> dict[str, Any]:
    """Return the engine's state of a stack, whose provider wrote to ``directory``."""
    text = gzip.decompress((KEPT / f"{stack}.json.gz").read_bytes()).decode()
    return json.loads(text.replace(PLACE, directory))


def under_todays_program(directory: Path) -> Path:
    """Make ``directory`` today's checkout with the stack files of the release, and return it."""
    link_project(directory)
    for file in KEPT.glob("Pulumi.*.yaml"):
        shutil.copyfile(file, directory / file.name)
    return directory
