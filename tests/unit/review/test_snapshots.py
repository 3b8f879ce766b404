"""A review of committed manifests alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from review import snapshots

OLD = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub}
spec: {replicas: 1}
---
apiVersion: v1
kind: Service
metadata: {name: gone}
---
type: random:index/randomPassword:RandomPassword
name: hub-cookie-secret
inputs: {length: 64}
"""
NEW = OLD.replace("replicas: 1", "replicas: 2").replace("name: gone", "name: came")


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose second commit changes the snapshot of one of two stacks."""
    place = tmp_path / snapshots.SNAPSHOTS
    place.mkdir(parents=True)
    git(tmp_path, "init", "-b", "main")
    for stack in ("one", "two"):
        (place / f"{stack}.yaml").write_text(OLD)
        (tmp_path / f"Pulumi.{stack}.yaml").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "old")
    git(tmp_path, "checkout", "-b", "change")
    (place / "one.yaml").write_text(NEW)
    git(tmp_path, "commit", "-am", "new")
    return tmp_path


def test_objects_are_compared_by_kind_and_name() -> None:
    assert [(c.operation, c.label) for c in snapshots.changes(OLD, NEW)] == [
        ("update", "Deployment hub"),
        ("create", "Service came"),
        ("delete", "Service gone"),
    ]
    assert snapshots.changes(OLD, OLD) == []
    assert len(snapshots.changes("", OLD)) == 3


def test_the_stacks_that_change_are_reviewed(repository: Path) -> None:
    text = snapshots.document("main", repository, limit=60_000)
    assert "Preview of `one`" in text and "Preview of `two`" not in text
    assert "`hub`: pods `1` → `2`." in text and "Without the engine" not in text
    assert snapshots.changed_files("main", repository) == [f"{snapshots.SNAPSHOTS}/one.yaml"]
    assert snapshots.known_stacks(repository) == ["one", "two"]


def test_no_change_is_told_in_a_sentence(repository: Path) -> None:
    assert snapshots.document("HEAD", repository, limit=60_000).startswith(
        "The manifests of every stack stay"
    )


def test_an_unknown_revision_is_refused(repository: Path) -> None:
    with pytest.raises(snapshots.UnknownRevisionError, match="no-such"):
        snapshots.document("no-such", repository, limit=60_000)
