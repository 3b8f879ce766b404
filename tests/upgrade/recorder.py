"""Keeps what a release leaves behind: ``python -m tests.upgrade.recorder COMMIT``, with an engine.

Its program is brought up with a provider that writes YAML files in place of calling a cluster. What is kept
in tests/upgrade/RELEASE is the program, and for each stack its file and the engine's state; secrets in it
are those of nobody, and encrypted. RELEASE is what previous.json says.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from local import engine
from local.stackfile import overlay
from tests.engine.previews.recorder import Bench
from tests.engine.previews.scenarios import CLIENT, Edit, Scenario
from tests.upgrade.previous import KEPT, PLACE, ROOT
from tools.stackfiles import stacks

NO_PROGRAM = ("tests", "docs", "bench", "review", "check", "health", ".github", ".ci")
"""What an `up` of a release does not need."""
PASSING = ("created", "modified", "sourcePosition", "stackTrace")
"""When and where it was recorded."""


def keep_stack_file(stack: str, checkout: Path) -> None:
    """Keep a stack's file; the open facility's with what the end-to-end tests lay over it, such as a pool."""
    document = yaml.safe_load((checkout / f"Pulumi.{stack}.yaml").read_text())
    if not _asks_outside(document):
        document = overlay(document, yaml.safe_load((checkout / "tests/e2e/overrides.yaml").read_text()))
    (KEPT / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def scenario(stack: str, edits: Sequence[Edit] = ()) -> Scenario:
    """Return the stack of a kept file, with the one secret that no file holds in clear."""
    outside = _asks_outside(yaml.safe_load((KEPT / f"Pulumi.{stack}.yaml").read_text()))
    secrets = {"coffea-casa:clientSecret": (CLIENT + stack, CLIENT + stack)} if outside else {}
    return Scenario(title="", stack=stack, secrets=secrets, edits=edits)


def _asks_outside(document: Mapping[str, Any]) -> bool:
    return "issuer" in document["config"].get("coffea-casa:identity", {})


def trimmed(text: str, directory: Path) -> dict[str, Any]:
    """Return a state that does not know when and where it was made."""
    state = json.loads(text.replace(str(directory), PLACE))
    del state["deployment"]["manifest"]["time"]
    for resource in state["deployment"]["resources"]:
        for name in PASSING:
            resource.pop(name, None)
    return state


def archive(commit: str, *paths: str) -> bytes:
    """Return the files of a commit as a tar archive."""
    command = ["git", "archive", commit, "--", ".", *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout


def record(commit: str) -> None:
    """Record every stack of the release."""
    with tempfile.TemporaryDirectory() as scratch:
        checkout = Path(scratch) / "release"
        with tarfile.open(fileobj=io.BytesIO(archive(commit))) as whole:
            whole.extractall(checkout, filter="data")
        shutil.rmtree(KEPT, ignore_errors=True)
        KEPT.mkdir()
        program = archive(commit, *(f":!{name}" for name in NO_PROGRAM))
        (KEPT / "program.tar.xz").write_bytes(lzma.compress(program, preset=9))
        for stack in stacks(checkout):
            keep_stack_file(stack, checkout)
            shutil.copyfile(KEPT / f"Pulumi.{stack}.yaml", checkout / f"Pulumi.{stack}.yaml")
            bench = Bench(Path(scratch) / stack, checkout)
            bench.deploy(scenario(stack))
            state = trimmed(bench.call("stack", "export", "--stack", stack), bench.directory)
            text = json.dumps(state, sort_keys=True)
            (KEPT / f"{stack}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
            print(f"{stack}: {len(state['deployment']['resources'])} resources", flush=True)


if __name__ == "__main__":
    engine.get()
    record(sys.argv[1])
