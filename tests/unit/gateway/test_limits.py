from __future__ import annotations

from typing import Any

import pytest

from services.gateway import limits
from services.gateway.limits import LimitExceededError, Use
from services.gateway.settings import Limits

GIB = 2**30
CONFIG = {
    "scheduler_cores_limit": 1.0,
    "scheduler_memory_limit": 1 * GIB,
    "worker_cores_limit": 2.0,
    "worker_memory_limit": 2 * GIB,
}
LIMITS = Limits(clusters=2, cores=12, memory=16 * GIB)


def cluster(granted: int = 0, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    return {"spec": {"config": CONFIG, limits.GRANT: granted, **spec}, "status": {"phase": phase}}


def test_a_new_cluster_holds_its_scheduler() -> None:
    new = {"spec": {"config": CONFIG}}
    assert limits.use([new]) == Use(clusters=1, cores=1, memory=GIB)


def test_granted_workers_count_before_they_run() -> None:
    assert limits.use([cluster(3, replicas=0)]) == Use(clusters=1, cores=7, memory=7 * GIB)


def test_workers_still_there_count_after_a_smaller_grant() -> None:
    assert limits.use([cluster(1, replicas=4)]).cores == 9


@pytest.mark.parametrize(
    "ended", [cluster(3, "Stopped"), cluster(3, "Failed"), cluster(3, active=False)], ids=str
)
def test_ended_clusters_hold_nothing(ended: dict[str, Any]) -> None:
    assert limits.use([ended]) == Use()


def test_clusters_add_up() -> None:
    assert limits.use([cluster(1), cluster(2)]) == Use(clusters=2, cores=8, memory=8 * GIB)


@pytest.mark.parametrize(
    ("others", "workers"),
    [
        (Use(), 5),
        (Use(clusters=1, cores=1, memory=GIB), 5),
        (Use(clusters=1, cores=3, memory=3 * GIB), 4),
        (Use(clusters=1, cores=1, memory=12 * GIB), 1),
        (Use(clusters=1, cores=40, memory=GIB), 0),
    ],
)
def test_room_is_what_both_limits_leave(others: Use, workers: int) -> None:
    assert limits.room(LIMITS, others, CONFIG) == workers
    limits.check_workers(LIMITS, others, CONFIG, workers) if workers else None
    with pytest.raises(LimitExceededError):
        limits.check_workers(LIMITS, others, CONFIG, workers + 1)


def test_fractions_of_cores_add_up_without_rounding_errors() -> None:
    config = CONFIG | {"scheduler_cores_limit": 0.1, "worker_cores_limit": 0.1}
    tenths = Limits(clusters=1, cores=0.4, memory=64 * GIB)
    assert limits.room(tenths, Use(), config) == 3
    limits.check_workers(tenths, Use(), config, 3)


def test_the_message_names_limit_use_and_way_out() -> None:
    with pytest.raises(LimitExceededError) as refused:
        limits.check_workers(LIMITS, Use(clusters=1, cores=3, memory=3 * GIB), CONFIG, 5)
    message = str(refused.value)
    assert message == (
        "5 workers with the scheduler would be over your limit of 12 cores (needs 11, your other clusters "
        "hold 3). Ask for at most 4 workers here, or make another cluster smaller or end it: "
        "Gateway().list_clusters() shows your clusters, Gateway().stop_cluster(NAME) ends one."
    )


def test_the_message_names_both_limits_when_both_are_broken() -> None:
    with pytest.raises(
        LimitExceededError, match="12 cores .* and your limit of 16 GiB of memory .needs 101 GiB"
    ):
        limits.check_workers(LIMITS, Use(), CONFIG, 50)


def test_one_cluster_too_many() -> None:
    held = limits.use([cluster(), cluster()])
    with pytest.raises(LimitExceededError, match="You have 2 Dask clusters and may have 2 at a time"):
        limits.check_new_cluster(LIMITS, held, CONFIG)


def test_no_room_for_another_scheduler() -> None:
    with pytest.raises(LimitExceededError, match="scheduler is over your limit of 12 cores"):
        limits.check_new_cluster(LIMITS, Use(clusters=1, cores=12, memory=GIB), CONFIG)


def test_a_cluster_within_the_limits_may_start() -> None:
    limits.check_new_cluster(LIMITS, Use(clusters=1, cores=11, memory=15 * GIB), CONFIG)
    assert limits.room(LIMITS, Use(clusters=1, cores=11, memory=15 * GIB), CONFIG) == 0


def test_messages_fit_in_an_http_reason() -> None:
    for workers in (50, 1):
        with pytest.raises(LimitExceededError) as refused:
            limits.check_workers(LIMITS, Use(clusters=1, cores=12), CONFIG, workers)
        assert "\n" not in str(refused.value)
        assert str(refused.value).isascii()
