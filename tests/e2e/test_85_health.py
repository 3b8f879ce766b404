"""`make health`: it passes, names the step that fails, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from components.hub import HEALTH_USER
from services.hub.slug import slug
from tests.e2e.condor import owners
from tests.e2e.facility import USER_NAME, kubectl, objects, pods, rollout, run, wait_for

STEPS = [
    "log-in",
    "notebook server",
    "kernel",
    "Dask cluster",
    "coffea over Dask",
    "coffea through XCache",
    "coffea over HTCondor",
    "clean-up",
]


def health() -> tuple[int, dict[str, str], str]:
    """Return the exit status, each step's verdict, and all that was said."""
    done = run("make", "--silent", "health", check=False, timeout=1800)
    lines = [line for line in done.stdout.splitlines() if line[:24].strip() in STEPS]
    said = done.stdout + done.stderr
    return done.returncode, {line[:24].strip(): line[25:39].strip() for line in lines}, said


def left() -> list[str]:
    """Return the health user's pods."""
    return [
        pod["metadata"]["name"]
        for pod in pods()
        if pod["metadata"].get("annotations", {}).get(USER_NAME) == HEALTH_USER
    ]


def test_every_step_passes_and_nothing_is_left(figures: dict[str, Any]) -> None:
    workers = len(pods("dask-worker"))
    status, verdicts, said = health()
    assert status == 0, said
    assert verdicts == dict.fromkeys(STEPS, "ok")
    figures["health, whole (s)"] = round(
        sum(float(line[39:].split()[0]) for line in said.splitlines() if line[:24].strip() in STEPS)
    )
    wait_for("the end of the server", lambda: not left(), 120)
    wait_for("the end of its workers", lambda: len(pods("dask-worker")) <= workers, 180)
    assert slug(HEALTH_USER) not in owners()


@pytest.fixture
def no_gateway() -> Iterator[None]:
    """Dask Gateway's API is away; afterwards it is back."""
    kubectl("scale", "deployment/dask-gateway-api", "--replicas=0")
    wait_for("the end of the API", lambda: not pods("dask-gateway-api"), 90)
    yield
    kubectl("scale", "deployment/dask-gateway-api", "--replicas=1")
    rollout("dask-gateway-api")


@pytest.mark.usefixtures("no_gateway")
def test_a_gateway_that_is_away_is_the_step_that_fails() -> None:
    status, verdicts, said = health()
    assert status != 0
    assert "health: FAILED at the step 'Dask cluster'" in said
    assert verdicts["kernel"] == "ok"
    assert verdicts["clean-up"] == "ok"
    assert "coffea over Dask" not in verdicts
    wait_for("the end of the server", lambda: not left(), 120)


def test_the_token_is_in_no_config_map() -> None:
    held = [config for config in objects("configmaps") if "health-token" in config.get("data", {})]
    assert not held
