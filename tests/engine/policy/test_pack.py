"""The policy pack in the engine: previews that keep to it and previews that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import engine, policy_pack
from tests.engine.previews.recorder import SCENARIOS, Bench

PREVIEW = policy_pack.resolved(["preview", "--color=never", "--stack", "opendata", "--policy-pack", "policy"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A stack that is not deployed yet: every resource is new, and looked at."""
    engine.get()
    made = Bench(tmp_path_factory.mktemp("policy") / "bench")
    made.deploy(SCENARIOS["first"])
    return made


def edit(bench: Bench, file: str, old: str, new: str) -> None:
    bench.lay_program(SCENARIOS["first"], changed=False)
    path = bench.project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_facility_keeps_to_the_policy(bench: Bench) -> None:
    done = bench.run(*PREVIEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "coffea-casa@v1.0.0" in done.stdout and "mandatory" not in done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "components/workload.py",
            "run_as_non_root=True",
            "run_as_non_root=False",
            "Deployment hub: container hub may run as root",
        ),
        (
            "components/namespace.py",
            "self.child(protect=True)",
            "self.child()",
            "Namespace opendata: is not protected",
        ),
        (
            "components/ca.py",
            "LEAF_HOURS = 365 * 24",
            "LEAF_HOURS = 3 * 365 * 24",
            "validityPeriodHours is 26280, more than 9552 hours",
        ),
    ],
)
def test_a_program_that_does_not_is_refused(bench: Bench, file: str, old: str, new: str, told: str) -> None:
    edit(bench, file, old, new)
    done = bench.run(*PREVIEW)
    assert done.returncode != 0
    assert "[mandatory]" in done.stdout and told in done.stdout, done.stdout + done.stderr
    assert "PRIVATE KEY" not in done.stdout + done.stderr


def test_the_pack_cannot_be_broken_without_notice(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "PulumiPolicy.yaml").write_text(f"name: x\nruntime: {policy_pack.RUNTIME}\n")
    (tmp_path / "__main__.py").write_text("raise SystemExit('broken')\n")
    bench.lay_program(SCENARIOS["first"], changed=False)
    assert bench.run(*PREVIEW[:-1], str(tmp_path)).returncode != 0
