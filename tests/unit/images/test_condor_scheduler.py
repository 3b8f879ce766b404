"""What the facility adds to Dask's scheduler in a session, in real schedulers."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from distributed import LocalCluster, Scheduler
from distributed.core import Status

SOURCE = Path(__file__).parents[3] / "images/session/site/condor_scheduler.py"


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("condor_scheduler", SOURCE)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    sys.modules["condor_scheduler"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["condor_scheduler"]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's directory, and its token."""
    token = tmp_path / "access_token"
    token.write_text("old")
    monkeypatch.setenv("_CONDOR_SCRATCH_DIR", str(tmp_path))
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token))
    return token


def local_cluster(workers: int) -> Any:
    """Return a cluster in this process."""
    return cast(Any, LocalCluster)(
        n_workers=workers, processes=False, asynchronous=True, dashboard_address=None
    )


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("tcp://10.42.0.7:8786", True),
        ("tcp://0.0.0.0:8786", True),
        ("ws://10.42.0.7:8786", True),
        ("tcp://127.0.0.1:40000", False),
        ("tls://10.42.0.7:8786", False),
        ("inproc://10.42.0.7/1/1", False),
        ("gateway://router:8786/a", False),
    ],
)
def test_what_talks_in_clear_beyond_its_machine_is_open(
    module: ModuleType, address: str, is_open: bool
) -> None:
    assert module.is_open(address) == is_open


async def test_a_scheduler_in_clear_is_closed_and_says_so(
    module: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_IP", "ada.sessions.af.svc.cluster.local")
    scheduler = Scheduler(host="0.0.0.0", port=0, dashboard=False, preload=[str(SOURCE)])
    await scheduler
    assert scheduler.status == Status.closed
    assert "hostcert.pem" in capsys.readouterr().err
    assert module


async def test_where_there_is_no_pool_nothing_is_looked_at(module: ModuleType) -> None:
    async with Scheduler(host="0.0.0.0", port=0, dashboard=False, preload=[str(SOURCE)]) as scheduler:
        assert scheduler.status == Status.running
        assert module


async def test_a_local_cluster_is_not_concerned(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_IP", "ada.sessions.af.svc.cluster.local")
    async with local_cluster(1) as cluster:
        await module.dask_setup(cluster.scheduler)
        assert cluster.scheduler.status == Status.running
        assert module.TokenRenewal.name not in cluster.scheduler.plugins


def test_a_token_replaces_the_old_one_for_its_owner_alone(module: ModuleType, job: Path) -> None:
    with job.open() as opened:
        assert module.write_token("new")
        assert opened.read() == "old"
    assert job.read_text() == "new"
    assert job.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in job.parent.iterdir()] == ["access_token"]


def test_a_worker_that_is_no_job_keeps_its_own_token(
    module: ModuleType, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_CONDOR_SCRATCH_DIR")
    assert not module.write_token("new")
    monkeypatch.setenv("_CONDOR_SCRATCH_DIR", str(job.parent / "elsewhere"))
    assert not module.write_token("new")
    assert job.read_text() == "old"


async def test_workers_get_the_token_when_they_come_and_when_it_changes(
    module: ModuleType, job: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path_factory.mktemp("session") / "access_token"
    kept.write_text("first")
    monkeypatch.setattr(module, "PAUSE", 0.05)
    async with local_cluster(0) as cluster:
        cluster.scheduler.add_plugin(module.TokenRenewal(cluster.scheduler, kept))
        cluster.scale(1)
        await cluster
        await has(job, "first")
        kept.write_text("second")
        await has(job, "second")
    assert os.environ["BEARER_TOKEN_FILE"] == str(job)


async def has(file: Path, text: str) -> None:
    for _ in range(200):
        if file.read_text() == text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{file.read_text()!r} is still not {text!r}")
