"""What a change does to the manifests under tests/stacks: a review without engine, cluster or credentials.

It compares committed files and runs none of them, so the change may be anybody's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from review.change import Change, Json, shown
from review.comment import comment
from review.limit import fit
from review.preview import Preview

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOTS = "tests/stacks/snapshots"
SOURCE = (
    "From the committed manifests, without the engine. "
    "Tags of the facility's own images and checksums are left out of them."
)


class UnknownRevisionError(ValueError):
    """Git does not know the revision."""


def changed_files(base: str, root: Path = ROOT) -> list[str]:
    """Return the files that differ from where this checkout's history left that of ``base``."""
    return _git(root, "diff", "--name-only", f"{base}...HEAD").splitlines()


def known_stacks(root: Path = ROOT) -> list[str]:
    """Return the names of the stacks that have a file."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml")
    )


def document(base: str, root: Path = ROOT, *, limit: int) -> str:
    """Return one comment for every stack whose snapshot differs, or one sentence."""
    begin = _git(root, "merge-base", base, "HEAD").strip()
    parts: list[str] = []
    names = [Path(file).stem for file in changed_files(base, root) if file.startswith(SNAPSHOTS)]
    for stack in names:
        file = f"{SNAPSHOTS}/{stack}.yaml"
        preview = Preview(changes(_show(root, begin, file), _show(root, "HEAD", file)))
        parts.append(comment(stack, preview, source=SOURCE, limit=limit // len(names)))
    return "\n".join(parts) or fit("The manifests of every stack stay as they are.", [], limit)


def changes(old: str, new: str) -> list[Change]:
    """Return the differences of two snapshots."""
    before, after = _documents(old), _documents(new)
    found: list[Change] = []
    for key in sorted({*before, *after}):
        one, other = before.get(key, {}), after.get(key, {})
        if one != other:
            operation = "update" if one and other else "create" if other else "delete"
            type_, name = key
            found.append(
                Change(
                    operation=operation,
                    type=type_,
                    name=name,
                    old=shown(type_, one),
                    new=shown(type_, other),
                )
            )
    return found


def _documents(text: str) -> Mapping[tuple[str, str], Json]:
    """Return (type, name) of each document to it."""
    found: dict[tuple[str, str], Json] = {}
    for each in yaml.safe_load_all(text):
        given = cast(dict[str, Any], each)
        if "kind" in given:
            found[f"kubernetes:{given['apiVersion']}:{given['kind']}", given["metadata"]["name"]] = given
        else:
            found[given["type"], given["name"]] = given["inputs"]
    return found


def _show(root: Path, revision: str, file: str) -> str:
    """Return a file of a revision; nothing where it is not there."""
    there = _git(root, "ls-tree", "--name-only", revision, "--", file)
    return _git(root, "show", f"{revision}:{file}") if there else ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise UnknownRevisionError(re.sub(r"\s+", " ", done.stderr.strip()))
    return done.stdout
