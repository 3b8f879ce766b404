"""The scripts of the workflows with the engine: what a runner would do, here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local import engine, policy_pack, venv
from local.paths import ROOT
from tests.engine.previews.recorder import SCENARIOS, Bench

SCENARIO = SCENARIOS["profile-size"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A stack whose settings have changed since it was brought up."""
    engine.get()
    for name in ("dev", "policy"):
        venv.make(name)
    made = Bench(tmp_path_factory.mktemp("scripts") / "bench")
    made.deploy(SCENARIO)
    made.lay_program(SCENARIO, changed=True)
    made.lay_settings(SCENARIO, changed=True)
    return made


def script(bench: Bench, *words: str) -> subprocess.CompletedProcess[str]:
    places = {"PROJECT": str(bench.project), "POLICY_PACK": str(policy_pack.pack())}
    return subprocess.run(
        [ROOT / ".github" / "scripts" / words[0], *words[1:]],
        cwd=ROOT,
        env={**os.environ, **bench.environment, **places, "SOURCE": "Of a test."},
        capture_output=True,
        text=True,
    )


def test_a_review_is_written(bench: Bench, tmp_path: Path) -> None:
    done = script(bench, "preview", "opendata", str(tmp_path / "review.md"))
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "review.md").read_text()
    assert "Profile `small`: memory `3Gi` → `4Gi`" in text and "Of a test." in text


def test_a_broken_policy_fails_the_review_and_is_told(bench: Bench, tmp_path: Path) -> None:
    file = bench.project / "components" / "workload.py"
    good = file.read_text()
    file.write_text(good.replace("run_as_non_root=True", "run_as_non_root=False"))
    try:
        done = script(bench, "preview", "opendata", str(tmp_path / "review.md"))
    finally:
        file.write_text(good)
    assert done.returncode != 0
    assert "container hub may run as root (no-privileged-pods)" in (tmp_path / "review.md").read_text()


def test_a_failed_preview_fails_and_is_told(bench: Bench, tmp_path: Path) -> None:
    done = script(bench, "preview", "no-such-stack", str(tmp_path / "review.md"))
    assert done.returncode != 0
    assert "the preview **failed**" in (tmp_path / "review.md").read_text()


def test_a_deployment_leaves_nothing_to_do(bench: Bench, tmp_path: Path) -> None:
    done = script(bench, "deploy", "opendata")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fake-password" not in done.stdout and "Outputs:" not in done.stdout
    done = script(bench, "preview", "opendata", str(tmp_path / "review.md"))
    assert "Nothing changes" in (tmp_path / "review.md").read_text(), done.stdout
