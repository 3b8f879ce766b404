"""What removes workers without a scheduler, run as it runs, with the queue's two tools replaced."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ORPHANS = Path(__file__).parents[3] / "images/condor/bin/condor-orphans"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with condor_q and condor_rm, which write down what they are asked."""
    for name in ("condor_q", "condor_rm"):
        (tmp_path / name).write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.asked\ncat {tmp_path}/{name}.says\n'
        )
        (tmp_path / name).chmod(0o755)
        (tmp_path / f"{name}.says").write_text("")
        (tmp_path / f"{name}.asked").write_text("")
    return tmp_path


@pytest.fixture
def hurried(tools: Path) -> Path:
    """The program, with a shorter pause."""
    text = ORPHANS.read_text()
    assert "PAUSE, PATIENCE = 10, 3" in text
    copy = tools / "condor-orphans"
    copy.write_text(text.replace("PAUSE, PATIENCE = 10, 3", "PAUSE, PATIENCE = 0.1, 3"))
    return copy


@pytest.fixture
def scheduler() -> Iterator[int]:
    """Port of somebody who takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def look(hurried: Path, tools: Path, port: int, seconds: float) -> str:
    """Run it for some time; return what it removed."""
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    # The owner "127" of the domain "0.0.1" is at this machine.
    command = ["python3", "-IS", str(hurried), "0.0.1", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as program:
        time.sleep(seconds)
        assert program.poll() is None
        program.kill()
    return (tools / "condor_rm.asked").read_text()


def test_workers_of_a_silent_scheduler_are_removed_and_no_other_jobs(hurried: Path, tools: Path) -> None:
    (tools / "condor_q.says").write_text('[{"Owner": "127"}, {"Owner": "127"}]')
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    removed = look(hurried, tools, port, 2)
    assert 'CoffeaCasaWorkerType =?= "dask" && JobStatus != 3 && Owner == "127"' in removed
    assert 'CoffeaCasaWorkerType =?= "dask"' in (tools / "condor_q.asked").read_text()


def test_workers_of_a_scheduler_that_answers_stay(hurried: Path, tools: Path, scheduler: int) -> None:
    (tools / "condor_q.says").write_text('[{"Owner": "127"}]')
    assert look(hurried, tools, scheduler, 1) == ""
    assert (tools / "condor_q.asked").read_text()


@pytest.mark.parametrize("said", ["", "[]", "not json"])
def test_an_empty_or_broken_queue_harms_nobody(hurried: Path, tools: Path, scheduler: int, said: str) -> None:
    (tools / "condor_q.says").write_text(said)
    assert look(hurried, tools, scheduler, 0.5) == ""


def test_it_says_how_it_is_called() -> None:
    done = subprocess.run(["python3", "-IS", str(ORPHANS)], capture_output=True, text=True, timeout=20)
    assert done.returncode
    assert "usage: condor-orphans DOMAIN PORT" in done.stderr
