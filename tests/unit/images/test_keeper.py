"""The program beside a session that lays its credentials down, run as it runs there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

KEEPER = Path(__file__).parents[3] / "images/session/bin/credentials-keeper"
FILES = {
    "ca.pem": "facility's CA\n",
    "hostcert.pem": "host\n",
    "usercert.pem": "user\n",
    "access_token": "one",
}


def publish(source: Path, version: str, files: dict[str, str]) -> None:
    """Put files where they are seen, as the kubelet does: a directory, a link to it that changes at once."""
    directory = source / f"..{version}"
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_text(content)
    link = source / "..data_tmp"
    link.symlink_to(directory.name)
    link.rename(source / "..data")
    for name in files:
        if not (source / name).is_symlink():
            (source / name).symlink_to(f"..data/{name}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.fixture
def keeper(source: Path, target: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, running."""
    command = ["python3", "-IS", str(KEEPER), str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, "still not so after 15 s"
        time.sleep(0.05)


def is_text(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def test_files_are_the_owners_alone_and_the_bundle_of_cas_is_the_last(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    publish(source, "first", FILES)
    # What the start-up probe waits for.
    wait((target / "ca-bundle.pem").is_file)
    assert {file.name for file in target.iterdir()} == {*FILES, "ca-bundle.pem"}
    for name, content in FILES.items():
        assert (target / name).read_text() == content
    for file in target.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert not file.is_symlink()
        assert file.stat().st_uid == os.getuid()
    assert (target / "ca-bundle.pem").read_text().startswith(FILES["ca.pem"])
    assert keeper.poll() is None


def test_it_waits_for_a_secret_that_is_not_there_yet(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    time.sleep(0.5)
    assert list(target.iterdir()) == []
    assert keeper.poll() is None
    publish(source, "first", FILES)
    wait((target / "ca-bundle.pem").is_file)


def test_a_renewal_replaces_files_whole_and_leaves_the_others_as_they_are(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    publish(source, "first", FILES)
    wait((target / "ca-bundle.pem").is_file)
    with (target / "access_token").open() as opened:
        unchanged = (target / "hostcert.pem").stat().st_ino
        publish(source, "second", FILES | {"access_token": "two"})
        wait(lambda: is_text(target / "access_token", "two"))
        # By rename: whoever had the old file open reads the old one to its end.
        assert opened.read() == "one"
    assert (target / "hostcert.pem").stat().st_ino == unchanged
    assert (target / "access_token").stat().st_mode & 0o777 == 0o600
    assert keeper.poll() is None


def test_a_file_that_is_no_longer_in_the_secret_goes(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    publish(source, "first", FILES | {"old": "x"})
    wait((target / "ca-bundle.pem").is_file)
    assert (target / "old").is_file()
    publish(source, "second", FILES)
    wait(lambda: not (target / "old").exists())
    assert (target / "access_token").read_text() == "one"
    assert keeper.poll() is None


def test_htcondors_token_has_a_copy_in_a_directory_of_its_own_that_follows(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    publish(source, "first", FILES | {"condor_token": "one"})
    wait((target / "ca-bundle.pem").is_file)
    alone = target / "tokens.d"
    assert alone.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in alone.iterdir()] == ["condor_token"]
    assert (alone / "condor_token").stat().st_mode & 0o777 == 0o600
    assert (target / "condor_token").read_text() == "one"
    publish(source, "second", FILES | {"condor_token": "two"})
    wait(lambda: is_text(alone / "condor_token", "two"))
    publish(source, "third", FILES)
    wait(lambda: not list(alone.iterdir()))
    assert not (target / "condor_token").exists()
    assert keeper.poll() is None


def test_a_secret_without_a_ca_is_waited_out_and_nothing_of_it_is_shown(
    source: Path, target: Path, keeper: subprocess.Popen[str]
) -> None:
    publish(source, "first", {"access_token": "very-secret"})
    assert keeper.stdout
    assert "holds no ca.pem" in keeper.stdout.readline()
    assert list(target.iterdir()) == []
    publish(source, "second", FILES)
    wait((target / "ca-bundle.pem").is_file)
    # It tells of the files after the last of them is there, which a busy machine makes a while later.
    told = next(line for line in keeper.stdout if "waiting" not in line)
    keeper.kill()
    told += keeper.stdout.read()
    assert "access_token" in told
    assert not [content for content in (*FILES.values(), "very-secret") if content.strip() in told.split()]


def test_it_says_how_it_is_called() -> None:
    done = subprocess.run(["python3", "-IS", str(KEEPER)], capture_output=True, text=True, timeout=20)
    assert done.returncode
    assert "usage: credentials-keeper SOURCE TARGET" in done.stderr
