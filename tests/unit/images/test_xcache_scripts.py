"""The programs of the cache's image, run as they run there but on temporary directories."""

from __future__ import annotations

import os
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


# The image's program, in the parts that matter.
GSI = """
while [ $# -gt 0 ]; do
    case $1 in -cert) cert=$2 ;; -key) key=$2 ;; -certdir) certs=$2 ;; -f) made=$2 ;; esac
    shift
done
echo "proxy of $(cat "$cert") and $(cat "$key"), trusting $(cat "$certs"/*.pem)" >"$made"
"""


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """The environment of the image, with stand-ins for its grid programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, behaviour in {"xrdgsiproxy": GSI, "openssl": ""}.items():
        (folder / name).write_text(f"#!/bin/sh\n{behaviour}")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{SCRIPTS}:/usr/bin:/bin"}


@pytest.fixture
def keeper(volume: Volume, target: Path, programs: dict[str, str]) -> Iterator[Callable[[], None]]:
    """Start the keeper of the cache's login."""
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = ["sh", str(SCRIPTS / "upstream-keeper"), str(volume.path), str(target), "0.05"]
        quiet = subprocess.DEVNULL
        running.append(subprocess.Popen(command, env=programs, stdout=quiet, stderr=quiet))

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


def test_what_leaves_the_secret_leaves_the_cache(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    volume.put(token="one", ca_pem="CA")
    keeper()
    assert eventually((target / ".kept").exists)
    volume.put(token="one")
    assert eventually(lambda: contents(target) == {"token": "one"})


CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


def test_of_a_certificate_and_its_key_a_proxy_is_made_and_a_new_one_of_a_new_certificate(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    cas = CERTIFICATE.format("one") + CERTIFICATE.format("two")
    volume.put(tls_crt="certificate", tls_key="key", ca_pem=cas)
    keeper()
    assert eventually((target / ".kept").exists)
    made = (target / ".proxy").read_text()
    assert made == f"proxy of certificate and key, trusting {cas}"
    assert len(list((target / ".certs").glob("*.pem"))) == 2
    time.sleep(1.1)  # A file's age is told in seconds.
    volume.put(tls_crt="renewed", tls_key="key", ca_pem=cas)
    assert eventually(lambda: "proxy of renewed" in (target / ".proxy").read_text())


def test_a_proxy_of_half_a_day_is_made_anew_and_a_young_one_is_not(
    target: Path, programs: dict[str, str]
) -> None:
    def make() -> str:
        subprocess.run(["sh", str(SCRIPTS / "upstream-proxy"), str(target)], env=programs, check=True)
        return (target / ".proxy").read_text()

    def age(hours: float) -> None:
        then = time.time() - hours * 3600
        os.utime(target / ".proxy", (then, then))

    for name, content in {
        "tls.crt": "certificate",
        "tls.key": "key",
        "ca.pem": CERTIFICATE.format("CA"),
    }.items():
        (target / name).write_text(content)
        os.utime(target / name, (0, 0))
    make()
    (target / ".proxy").write_text("eleven hours old")
    age(11)
    assert make() == "eleven hours old"
    age(12.1)
    assert "proxy of certificate" in make()


def test_a_proxy_of_the_secret_is_taken_as_it_is(
    volume: Volume, target: Path, keeper: Callable[[], None]
) -> None:
    volume.put(proxy="made elsewhere")
    keeper()
    assert eventually((target / ".kept").exists)
    assert (target / ".proxy").read_text() == "made elsewhere"
    assert (target / ".proxy").stat().st_mode & 0o777 == 0o600
    volume.put(proxy="made again")
    assert eventually(lambda: (target / ".proxy").read_text() == "made again")


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
