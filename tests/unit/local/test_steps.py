"""The step runner tells what it does, skips what is done, and stops where something fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import facility, shell
from local.shell import StepError
from local.stack import Site
from local.steps import Step, follow, never


def _fail() -> None:
    raise StepError("etcd did not start; its log is /x/etcd.log")


def _must_not_run() -> None:
    raise AssertionError("this step must not run")


def test_each_step_tells_its_name_its_number_and_its_time() -> None:
    said: list[str] = []
    taken: list[str] = []
    assert follow(
        [Step("one", never, lambda: taken.append("one")), Step("two", never, lambda: None)], said.append
    )
    assert taken == ["one"]
    assert said[0] == "[1/2] one ..."
    assert said[1].startswith("[1/2] one: done (0.0 s, 0 s in all)")
    assert said[3].startswith("[2/2] two: done")


def test_a_step_that_is_done_is_skipped_and_says_so() -> None:
    said: list[str] = []
    assert follow([Step("one", lambda: True, _must_not_run)], said.append)
    assert said[0].startswith("[1/1] one: already done")


def test_a_step_that_fails_says_why_and_ends_the_run() -> None:
    said: list[str] = []
    assert not follow([Step("one", never, _fail), Step("two", never, _must_not_run)], said.append)
    assert said[-1].startswith("[1/2] one: FAILED") and "/x/etcd.log" in said[-1]


def test_a_fault_of_the_program_itself_is_not_hidden() -> None:
    def fault() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        follow([Step("one", never, fault)], lambda _: None)


def test_a_command_that_fails_shows_its_log_and_the_remedy(tmp_path: Path) -> None:
    log = tmp_path / "step.log"
    with pytest.raises(StepError) as failure:
        shell.run("listing", ["ls", tmp_path / "nowhere"], log, remedy="make the directory")
    assert "listing failed" in str(failure.value)
    assert str(log) in str(failure.value)
    assert "nowhere" in log.read_text() and "make the directory" in str(failure.value)


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="there is no program no-such-program"):
        shell.run("trying", ["no-such-program"], tmp_path / "log")
    assert shell.answer(["no-such-program"]) is None


@pytest.mark.parametrize("registry", [None, "", "localhost/coffea-casa"])
def test_a_cluster_of_the_user_s_needs_a_registry(registry: str | None) -> None:
    with pytest.raises(StepError, match="REGISTRY="):
        facility.check_registry(registry)
    facility.check_registry("registry.example.org/coffea-casa")


def test_the_user_s_own_cluster_is_not_started_by_us_and_needs_no_root() -> None:
    titles = [step.title for step in facility.steps(Site(context="cern"))]
    assert not any("Kubernetes" in title for title in titles)
    assert facility.programs(Site(context="cern")) == {}
    assert "etcd" in facility.programs(Site()) and "chromium" not in facility.programs(Site())
    assert "chromium" in facility.programs(Site(), browser=True)
