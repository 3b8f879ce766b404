"""What the machine may do to the cluster: a crash, an orderly stop. Last, as both end all that runs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import requests

from local.config import LINK
from local.host import MARK
from local.paths import SHORT
from tests.e2e.facility import Facility, pods, run
from tests.e2e.facility import facility as facility_now


def node() -> int:
    """Return the process id of the cluster's first process."""
    return int((SHORT / "node.pid").read_text())


def traces() -> list[str]:
    """Return what of the cluster's network is on the machine."""
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    rules = [line for line in saved.splitlines() if f"--comment {MARK}" in line]
    return [*rules, *(name for name in os.listdir("/sys/class/net") if name == LINK)]


def make(command: str) -> None:
    run("make", command, timeout=1800)


def healthy(before: Facility) -> bool:
    """Tell whether the facility answers, as the one it was."""
    again = facility_now()
    assert again.ca_certificate == before.ca_certificate
    return requests.get(f"{again.url}/hub/health", verify=str(again.ca_file), timeout=30).ok


@pytest.fixture
def up() -> None:
    """The cluster runs, also after a test that failed."""
    make("up")


@pytest.mark.usefixtures("up")
def test_after_a_crash_make_up_ends_when_the_facility_answers_again(facility: Facility) -> None:
    crashed = node()
    os.kill(crashed, signal.SIGKILL)
    make("up")
    assert node() != crashed
    assert healthy(facility)
    assert all(pod["status"]["phase"] == "Running" for pod in pods())


@pytest.mark.usefixtures("up")
def test_make_down_leaves_no_trace_in_the_network_and_loses_no_data(facility: Facility) -> None:
    stopped = node()
    assert traces()
    make("down")
    assert traces() == []
    assert not Path(f"/proc/{stopped}").exists()
    make("up")
    assert healthy(facility)
