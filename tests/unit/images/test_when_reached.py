"""What lets HTCondor start once the network is there, run as it runs."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

WHEN_REACHED = Path(__file__).parents[3] / "images/condor/bin/when-reached"


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """A port that refuses until somebody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def start(door: socket.socket, limit: int) -> subprocess.Popen[str]:
    """Run it with a program that says two words."""
    port = str(door.getsockname()[1])
    command = [WHEN_REACHED, str(limit), "127.0.0.1", port, "echo", "two words"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_program_runs_when_the_port_answers_and_not_before(door: socket.socket) -> None:
    started = start(door, 60)
    time.sleep(0.5)
    assert started.poll() is None
    door.listen()
    assert started.communicate(timeout=30)[0] == "two words\n"


def test_the_program_runs_all_the_same_where_nothing_answers(door: socket.socket) -> None:
    begin = time.monotonic()
    assert start(door, 2).communicate(timeout=30)[0] == "two words\n"
    assert time.monotonic() - begin >= 0.9
