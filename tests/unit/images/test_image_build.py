"""What the image builder does around buildah, which is not run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.table import IMAGES, reference
from local import images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COFFEA_CASA_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run; nothing is built or loaded yet."""
    ran: list[list[str]] = []
    monkeypatch.setattr(images, "run", lambda _step, command, _log: ran.append(command))
    monkeypatch.setattr(images, "answer", lambda _command: "")
    return ran


def test_bases_come_first() -> None:
    assert images.with_bases(["session", "hub"]) == ["base", "hub", "session"]


def test_a_build_sees_the_inputs_of_its_image_and_nothing_else(tmp_path: Path) -> None:
    images.stage("proxy", tmp_path / "context")
    found = {
        str(f.relative_to(tmp_path / "context")) for f in (tmp_path / "context").rglob("*") if f.is_file()
    }
    assert found == {
        f"images/proxy/{name}" for name in ("Containerfile", "package.json", "package-lock.json")
    }


def test_staged_files_are_readable_and_programs_stay_programs(tmp_path: Path) -> None:
    images.stage("session", tmp_path)
    assert (tmp_path / "requirements/session.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "images/session/bin/dask-worker").stat().st_mode & 0o777 == 0o755


def test_a_build_names_its_tag_and_its_base(commands: list[list[str]]) -> None:
    assert images.build("proxy", "registry.example.org/a")
    (command,) = commands
    assert command[command.index("--tag") + 1] == reference("registry.example.org/a", "proxy")
    assert f"BASE={reference('registry.example.org/a', 'base')}" in command
    assert "--pull-never" in command


def test_what_is_built_or_loaded_is_not_done_again(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "answer", lambda _command: reference(images.REGISTRY, "proxy") + "\n")
    assert not images.build("proxy")
    assert not images.load("proxy")
    assert commands == []


def test_an_image_with_an_archive_is_loaded_without_a_build(commands: list[list[str]], cache: Path) -> None:
    (cache / "images").mkdir()
    for name in IMAGES:
        images.archive(name).touch()
    assert images.wanted("load", []) == []
    assert images.load("hub")
    assert commands == [images.ctr("images", "import", images.archive("hub"))]


def test_old_archives_go_and_the_current_one_stays(commands: list[list[str]], cache: Path) -> None:
    (cache / "images").mkdir()
    old, other = cache / "images" / "hub-000000000000.tar", cache / "images" / "base-000000000000.tar"
    for file in (old, other, images.archive("hub")):
        file.touch()
    images.prune("hub", images.REGISTRY)
    assert not old.exists()
    assert other.exists()
    assert images.archive("hub").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "hubb"], "no image is called hubb"),
        (["push"], "push needs --registry"),
        (["fly"], "invalid choice"),
    ],
)
def test_a_bad_command_says_what_is_wrong(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        images.main(arguments)
    assert message in capsys.readouterr().err


def test_list_prints_every_reference(capsys: pytest.CaptureFixture[str]) -> None:
    images.main(["list", "--registry", "registry.example.org/a"])
    assert capsys.readouterr().out.split() == [reference("registry.example.org/a", name) for name in IMAGES]
