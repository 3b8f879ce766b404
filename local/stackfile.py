"""The stack file that the engine reads here: the committed one with this machine's values laid over it.

    python -m local.stackfile DIRECTORY STACK OVERRIDES...     (JSON texts or YAML files)

The engine writes into stack files (the salt of its encryption, secrets), and a
machine's values are no business of the repository, so the committed file is never
given to it. Needs the project's Python environment, for YAML.
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
KEPT = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""What the engine writes at the top of a stack file."""


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """Return a tree with the values of both, those of ``above`` where both have one; lists are not merged."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = overlay(cast(Tree, old), cast(Tree, value)) if both else value
    return merged


def is_secret(value: object) -> bool:
    """Tell whether a setting is one that ``pulumi config set --secret`` wrote."""
    return isinstance(value, dict) and set(cast(Tree, value)) == {"secure"}


def derive(committed: Tree, previous: Tree, overrides: list[Tree]) -> Tree:
    """Return the stack file's content: what the engine and the user's secrets put in ``previous`` stays."""
    derived = committed
    for one in overrides:
        derived = overlay(derived, one)
    secrets = {
        key: value for key, value in cast(Tree, previous.get("config") or {}).items() if is_secret(value)
    }
    derived = overlay(derived, {key: previous[key] for key in KEPT if key in previous})
    return overlay(derived, {"config": {**secrets, **(derived.get("config") or {})}})


def read(file: Path) -> Tree:
    """Return a YAML file's content; nothing where there is no file."""
    return cast(Tree, yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


def link_project(directory: Path) -> None:
    """Make a project directory whose every entry but the stack files leads to the checkout's."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {
        entry.name: entry
        for entry in ROOT.iterdir()
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
    file = directory / f"Pulumi.{stack}.yaml"
    trees = [json.loads(text) if text.startswith("{") else read(Path(text)) for text in overrides]
    previous = read(file)
    derived = derive(read(ROOT / f"Pulumi.{stack}.yaml"), previous, trees)
    if derived != previous or not file.exists():
        part = file.with_suffix(".part")
        part.write_text(yaml.safe_dump(derived, sort_keys=False))
        part.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
