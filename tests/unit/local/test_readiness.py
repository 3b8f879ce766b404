"""Pods as the API server shows them around a crash."""

from datetime import UTC, datetime
from typing import Any

import pytest

from local.readiness import not_ready

START = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-11-23T09:59:59Z", "2026-11-23T10:00:00Z"


def container(started: str | None, *, ready: bool) -> dict[str, Any]:
    state = {"running": {"startedAt": started}} if started else {"waiting": {"reason": "CrashLoopBackOff"}}
    return {"ready": ready, "state": state}


def pod(*containers: dict[str, Any], owner: str = "ReplicaSet", **metadata: Any) -> dict[str, Any]:
    named = {"namespace": "opendata", "name": "hub-1", "ownerReferences": [{"kind": owner}], **metadata}
    return {"metadata": named, "status": {"containerStatuses": list(containers)}}


def test_a_pod_whose_containers_are_ready_is_at_work() -> None:
    assert not_ready([pod(container(AFTER, ready=True))], START) == []


@pytest.mark.parametrize(
    "waiting",
    [
        pod(container(BEFORE, ready=True)),  # said before the crash
        pod(container(AFTER, ready=False)),
        pod(container(None, ready=False)),
        pod(container(AFTER, ready=True), container(AFTER, ready=False)),
        pod(),  # not started at all
    ],
)
def test_a_pod_is_waited_for(waiting: dict[str, Any]) -> None:
    assert not_ready([waiting], START) == ["opendata/hub-1"]


def test_pods_of_users_and_pods_on_their_way_out_are_not_waited_for() -> None:
    stopped = container(None, ready=False)
    session = {"metadata": {"namespace": "opendata", "name": "jupyter-ada"}, "status": {}}
    leaving = pod(stopped, deletionTimestamp=AFTER)
    assert not_ready([session, leaving, pod(stopped, owner="DaskCluster")], START) == []
