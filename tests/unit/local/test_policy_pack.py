"""The policy pack reaches an engine whose language host cannot start it; CI never leaves out actionlint."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from local import actionlint, engine, modules, policy_pack, venv
from local.shell import StepError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFEA_CASA_STATE", str(tmp_path))
    monkeypatch.setattr(engine, "own", lambda: None)
    monkeypatch.setattr(venv, "make", lambda name: None)


def test_the_pack_is_found_by_its_name() -> None:
    told = policy_pack.resolved(["preview", "--policy-pack", "policy/", "--diff"])
    assert told == ["preview", "--policy-pack", str(policy_pack.place() / "pack"), "--diff"]


@pytest.mark.parametrize(
    "arguments", [["preview"], ["preview", "--policy-pack"], ["preview", "--policy-pack", "/elsewhere"]]
)
def test_other_arguments_are_let_be(arguments: list[str]) -> None:
    assert policy_pack.resolved(arguments) == arguments


def test_the_pack_here_is_the_official_one_under_another_runtime() -> None:
    ours, official = (
        yaml.safe_load((place / "PulumiPolicy.yaml").read_text())
        for place in (policy_pack.pack(), policy_pack.PACK)
    )
    assert ours.pop("runtime") == policy_pack.RUNTIME and official.pop("runtime")["name"] == "python"
    assert ours == official
    assert str(policy_pack.PACK) in (policy_pack.pack() / "__main__.py").read_text()


def test_the_starter_is_named_after_the_runtime_and_runs_the_pack_s_python() -> None:
    (directory,) = policy_pack.path()
    starter = directory / f"pulumi-analyzer-policy-{policy_pack.RUNTIME}"
    assert os.access(starter, os.X_OK)
    assert f'"{venv.directory("policy")}/bin/python" -u -m pulumi.policy "$1" "$2"' in starter.read_text()
    assert subprocess.run(["sh", "-n", starter]).returncode == 0


def test_an_official_engine_gets_the_pack_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "own", lambda: Path("/usr/bin"))
    assert policy_pack.pack() == policy_pack.PACK and policy_pack.path() == []


@pytest.mark.parametrize(("setting", "status"), [("", 0), ("true", 1)])
def test_without_go_workflows_are_let_be_but_not_in_ci(
    setting: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_go(name: str) -> Path:
        raise StepError("Go 1.21 or newer is needed")

    monkeypatch.setattr(modules, "build", no_go)
    monkeypatch.setenv("CI", setting)
    assert actionlint.main() == status
    assert "the workflows are not checked: Go 1.21" in capsys.readouterr().err
