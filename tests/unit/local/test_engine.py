"""Which engine and plugins are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import debian, engine
from local.paths import ROOT


@pytest.mark.parametrize(
    ("told", "good"),
    [
        ("v3.259.0\n", True),
        ("3.300.1", True),
        ("v3.300.0-alpha.1", True),
        ("v3.100.0", False),
        ("v2.259.0", False),
        ("v4.0.0", False),
        ("", False),
        (None, False),
        ("command not found", False),
    ],
)
def test_an_engine_is_good_when_it_is_new_enough(told: str | None, good: bool) -> None:
    assert engine.good(told) is good


def test_the_plugins_versions_are_those_of_the_lock_file() -> None:
    lock = (
        "pulumi==3.272.0 \\\n    --hash=sha256:0\npulumi-random==4.1.2 \\\npulumi-tls==5.0.0\npulumi-x==1\n"
    )
    assert engine.locked(lock) == {"random": "4.1.2", "tls": "5.0.0"}
    assert set(engine.locked((ROOT / "requirements" / "dev.txt").read_text())) == set(engine.PLUGINS)


def test_a_plugin_of_another_version_is_not_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "plugins" / "resource-tls-v5.0.0" / "pulumi-resource-tls"
    program.parent.mkdir(parents=True)
    program.touch()
    assert engine.official("tls", "5.0.0", tmp_path)
    assert not engine.official("tls", "5.0.1", tmp_path)
    assert not engine.official("random", "5.0.0", tmp_path)


def test_a_stand_in_is_on_path_only_while_the_official_plugin_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFFEA_CASA_STATE", str(tmp_path))
    directory = engine.stand_ins(["kubernetes", "random", "tls"])
    assert {link.name for link in directory.iterdir()} == {"pulumi-resource-random", "pulumi-resource-tls"}
    assert {link.name for link in engine.stand_ins(["tls"]).iterdir()} == {"pulumi-resource-tls"}
    assert not list(engine.stand_ins([]).iterdir())


def test_packages_of_missing_programs_are_named_once() -> None:
    wanted = {"ctr": "containerd", "containerd": "containerd", "ip": "iproute2"}
    assert debian.missing(wanted, lambda program: program == "ip") == ["containerd"]
    assert debian.missing(wanted, lambda _: True) == []
