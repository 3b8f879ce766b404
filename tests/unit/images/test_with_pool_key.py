"""What gives HTCondor's programs the pool's key, run as it runs, in a directory of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

WITH_POOL_KEY = Path(__file__).parents[3] / "images/condor/bin/with-pool-key"


@pytest.fixture
def run_in() -> Iterator[Path]:
    """A copy of the program that keeps the key in a directory where others than root come, too."""
    text = WITH_POOL_KEY.read_text()
    assert "/run/condor" in text
    with TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o777)
        copy = place / "with-pool-key"
        copy.write_text(text.replace("/run/condor", str(place / "run")))
        copy.chmod(0o755)
        yield copy


def start(program: Path, key: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run it with a key that nobody may write to, as in a Secret's volume; as a user whom modes bind."""
    secret = program.with_name("secret")
    secret.unlink(missing_ok=True)
    secret.write_bytes(key)
    secret.chmod(0o444)
    held = program.with_name("run") / "keys" / "POOL"
    return subprocess.run(
        [program, "cat", held],
        env=os.environ | {"POOL_KEY": str(secret)},
        capture_output=True,
        check=False,
        user=65534 if os.getuid() == 0 else None,
        cwd="/",
    )


def test_the_program_has_a_copy_that_nobody_else_may_read(run_in: Path) -> None:
    assert start(run_in, b"one").stdout == b"one"
    assert (run_in.with_name("run") / "keys" / "POOL").stat().st_mode & 0o077 == 0


def test_a_container_that_starts_again_in_its_pod_takes_the_key_again(run_in: Path) -> None:
    start(run_in, b"one")
    again = start(run_in, b"two")
    assert (again.returncode, again.stdout) == (0, b"two"), again.stderr.decode()
