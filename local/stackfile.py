"""The stack file that the engine reads here: the committed one with this machine's values laid over it.

    python -m local.stackfile DIRECTORY STACK OVERRIDES...     (JSON texts or YAML files)

The engine writes into stack files (the salt of its encryption, what ``pulumi config
set`` is told), and a machine's values are no business of the repository, so the
committed file is never given to it. What was written into ours stays when the
committed file changes; ``pulumi config rm`` takes it back. Needs the project's Python
environment, for YAML.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from local.paths import ROOT

Tree = dict[str, Any]


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Return a tree with the values of both, those of ``above`` where both have one; lists are not merged."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = overlay(cast(Tree, old), cast(Tree, value)) if both else value
    return merged


def edits(laid: Mapping[str, Any], found: Mapping[str, Any]) -> Tree:
    """Return what somebody wrote into a tree after it was ``laid`` down, as an overlay."""
    told: Tree = {}
    for key, value in found.items():
        old = laid.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = edits(cast(Tree, old), cast(Tree, value))
            told.update({key: inner} if inner else {})
        elif value != old:
            told[key] = value
    return told


def read(file: Path) -> Tree:
    """Return a YAML file's content; nothing where there is no file."""
    return cast(Tree, yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


def link_project(directory: Path, checkout: Path = ROOT) -> None:
    """Make a project directory whose every entry but the stack files leads to the checkout's."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {
        entry.name: entry
        for entry in checkout.iterdir()
        if entry.name == "Pulumi.yaml" or not entry.name.startswith((".", "Pulumi."))
    }
    wanted[".venv"] = ROOT / ".venv"
    for entry in directory.iterdir():
        if entry.is_symlink() and (entry.name not in wanted or entry.readlink() != wanted[entry.name]):
            entry.unlink()
    for name, target in wanted.items():
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(target)


def main(directory: Path, stack: str, overrides: list[str]) -> None:
    """Write the stack file into the project directory, if its content changes."""
    link_project(directory)
    file, base = directory / f"Pulumi.{stack}.yaml", directory / f"laid-{stack}.json"
    laid = read(ROOT / f"Pulumi.{stack}.yaml")
    for text in overrides:
        laid = overlay(laid, json.loads(text) if text.startswith("{") else read(Path(text)))
    previous = read(file)
    wanted = overlay(laid, edits(read(base), previous))
    # The file first: were the run cut short between the two, old values would stay, and none would be lost.
    if wanted != previous:
        _write(file, yaml.safe_dump(wanted, sort_keys=False))
    _write(base, json.dumps(laid))


def _write(file: Path, content: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(content)
    part.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
