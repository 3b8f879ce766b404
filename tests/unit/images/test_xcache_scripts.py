"""The programs of the cache's image, run as they run there but on temporary directories."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "images/xcache"


class Volume:
    """A Secret's volume as the kubelet keeps it: a directory for each version and a link to one."""

    def __init__(self, path: Path) -> None:
        self.path, self._versions = path, 0
        path.mkdir()

    def put(self, **files: str) -> None:
        """Make a new version the present one, and remove the last."""
        self._versions += 1
        version = self.path / f"..version-{self._versions}"
        version.mkdir()
        for name, content in files.items():
            (version / name.replace("_", ".")).write_text(content)
            (version / name.replace("_", ".")).chmod(0o440)
        link = self.path / "..new"
        link.symlink_to(version.name)
        link.rename(self.path / "..data")
        shutil.rmtree(self.path / f"..version-{self._versions - 1}", ignore_errors=True)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "secret")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


@pytest.fixture
def keeper(volume: Volume, target: Path) -> Iterator[Callable[[], None]]:
    """Start the keeper of the cache's login."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = ["sh", str(SCRIPTS / "upstream-keeper"), str(volume.path), str(target), "0.05"]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def eventually(question: Callable[[], bool]) -> bool:
    """Ask for at most 10 s."""
    end = time.monotonic() + 10
    while not question() and time.monotonic() < end:
        time.sleep(0.01)
    return question()


def contents(target: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in target.iterdir() if not file.name.startswith(".")}


def test_a_login_is_copied_for_its_owner_alone_and_then_said_to_be_there(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    volume.put(token="one", ca_pem="CA")
    keeper()
    assert eventually((target / ".kept").exists)
    assert contents(target) == {"token": "one", "ca.pem": "CA"}
    assert {file.stat().st_mode & 0o777 for file in target.iterdir()} == {0o600}


def test_nothing_is_there_before_the_secret_is(target: Path, keeper: Callable[[], None]) -> None:
    keeper()
    time.sleep(0.3)
    assert not (target / ".kept").exists()


def test_a_renewed_login_takes_the_place_of_the_old_one_and_whoever_reads_that_reads_on(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    volume.put(token="one")
    keeper()
    assert eventually((target / ".kept").exists)
    with (target / "token").open() as old:
        volume.put(token="two")
        assert eventually(lambda: contents(target) == {"token": "two"})
        assert old.read() == "one"
    assert (target / "token").stat().st_mode & 0o777 == 0o600


def test_an_unchanged_login_is_left_alone(volume: Volume, target: Path, keeper: Callable[[], None]) -> None:
    volume.put(token="one")
    keeper()
    assert eventually((target / ".kept").exists)
    before = (target / "token").stat().st_ino
    volume.put(token="one", ca_pem="new")
    assert eventually(lambda: "ca.pem" in contents(target))
    assert (target / "token").stat().st_ino == before


def test_what_leaves_the_secret_leaves_the_cache_but_what_xrootd_made_stays(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    (target / ".proxy").write_text("made from the certificate")
    volume.put(tls_crt="certificate", tls_key="key")
    keeper()
    assert eventually((target / ".kept").exists)
    volume.put(token="one")
    assert eventually(lambda: contents(target) == {"token": "one"})
    assert (target / ".proxy").exists()


@pytest.fixture
def alive(tmp_path: Path) -> Callable[[str], int]:
    """Run the probe with a client that behaves as the words say."""

    def run(behaviour: str) -> int:
        client = tmp_path / "xrdfs"
        client.write_text(f"#!/bin/sh\n{behaviour}\n")
        client.chmod(0o755)
        command = ["sh", str(SCRIPTS / "xcache-alive")]
        return subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False).returncode

    return run


@pytest.mark.parametrize(
    ("behaviour", "healthy"),
    [
        ("echo v6.2.1", True),
        ("echo '[FATAL] Auth failed: No protocols left to try' >&2; exit 52", True),
        ("echo '[FATAL] Connection error' >&2; exit 51", False),
        ("echo '[ERROR] Operation expired' >&2; exit 51", False),
        ("exit 1", False),
    ],
)
def test_a_server_lives_if_it_answers_even_by_refusing_a_login(
    alive: Callable[[str], int], behaviour: str, healthy: bool
) -> None:
    assert (alive(behaviour) == 0) == healthy


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("[ux]*")), ids=lambda script: script.name)
def test_every_program_is_in_the_image_and_may_be_run(script: Path) -> None:
    assert script.stat().st_mode & 0o100
    assert f"images/xcache/{script.name}" in (SCRIPTS / "Containerfile").read_text().split()
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
