"""The release before, as previous.json names it, and its program."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from local.stackfile import link_project

ROOT = Path(__file__).resolve().parents[2]
_NAMED = json.loads(Path(__file__).with_name("previous.json").read_text())
RELEASE: str = _NAMED["release"]
COMMIT: str = _NAMED["commit"]
"""Not the tag: a clone need not have tags, and nobody can move a commit."""

KEPT = Path(__file__).parent / RELEASE
"""Each stack's file and the engine's state of it, as that release left them (recorder.py)."""
PLACE = "@DIRECTORY@"
"""Stands in a kept state for the directory that the provider writes to."""


def unpack(directory: Path) -> Path:
    """Write the program of that release into ``directory`` and return it; needs the history (git)."""
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, capture_output=True)
    if done.returncode:
        said = done.stderr.decode().strip()
        raise RuntimeError(f"{said}\nthe history is needed: git fetch --unshallow origin {COMMIT}")
    subprocess.run(["tar", "--extract", f"--directory={directory}"], input=done.stdout, check=True)
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
