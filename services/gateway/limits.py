"""What a user's Dask clusters hold, and whether they may hold more. Pure functions over DaskCluster objects.

A cluster holds its scheduler and the workers granted to it: the count last
asked for with ``scale``, or the maximum of ``adapt``. The grant is written into
the DaskCluster (``spec.grantedWorkers``) before the scheduler hears of it, so
the sum over a user's clusters is true at any time and survives restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.gateway.settings import Json, Limits

GRANT = "grantedWorkers"
"""Field of a DaskCluster's spec: the workers it may have."""
_GIB = 2**30
_HOW = "Gateway().list_clusters() shows your clusters, Gateway().stop_cluster(NAME) ends one."


class LimitExceededError(Exception):
    """A request over the user's limits; the message is for the user."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """Clusters, cores and bytes of memory."""

    clusters: int = 0
    cores: float = 0
    memory: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(
            clusters=self.clusters + other.clusters,
            cores=self.cores + other.cores,
            memory=self.memory + other.memory,
        )


def granted(cluster: Json) -> int:
    """Return the workers a DaskCluster may have."""
    return int(cluster["spec"].get(GRANT, 0))


def is_held(cluster: Json) -> bool:
    """Tell whether a cluster counts: not ended, and not told to end."""
    ended = cluster.get("status", {}).get("phase") in ("Stopped", "Failed")
    return cluster["spec"].get("active", True) and not ended


def need(config: Mapping[str, Any], workers: int) -> Use:
    """Return what a cluster of that configuration and so many workers holds."""
    return Use(
        clusters=1,
        cores=config["scheduler_cores_limit"] + workers * config["worker_cores_limit"],
        memory=config["scheduler_memory_limit"] + workers * config["worker_memory_limit"],
    )


def use(clusters: Iterable[Json]) -> Use:
    """Add up what clusters hold. Workers that a smaller grant has not ended yet still count."""
    total = Use()
    for cluster in filter(is_held, clusters):
        spec = cluster["spec"]
        total += need(spec["config"], max(granted(cluster), int(spec.get("replicas", 0))))
    return total


def room(limits: Limits, others: Use, config: Mapping[str, Any]) -> int:
    """Return the workers a cluster may have beside the user's ``others``; 0 when there is no room."""
    scheduler = need(config, 0)
    # A ten-millionth of a core forgives sums such as 0.1 + 0.2.
    cores = (limits.cores - others.cores - scheduler.cores + 1e-7) // config["worker_cores_limit"]
    memory = (limits.memory - others.memory - scheduler.memory) // config["worker_memory_limit"]
    return max(0, int(min(cores, memory)))


def check_new_cluster(limits: Limits, held: Use, config: Mapping[str, Any]) -> None:
    """Raise LimitExceededError unless the user may start one more cluster."""
    if held.clusters >= limits.clusters:
        raise LimitExceededError(
            f"You have {_count(held.clusters, 'Dask cluster')} and may have {limits.clusters} at a time. "
            f"End one first: {_HOW}"
        )
    over = _over(limits, held, need(config, 0))
    if over:
        raise LimitExceededError(f"A new cluster's scheduler is over {over}. End a cluster first: {_HOW}")


def check_workers(limits: Limits, others: Use, config: Mapping[str, Any], workers: int) -> None:
    """Raise LimitExceededError unless a cluster may have so many workers beside the user's ``others``."""
    over = _over(limits, others, need(config, workers))
    if over:
        left = room(limits, others, config)
        advice = f"Ask for at most {_count(left, 'worker')} here, or make" if left else "Make"
        raise LimitExceededError(
            f"{_count(workers, 'worker')} with the scheduler would be over {over}. "
            f"{advice} another cluster smaller or end it: {_HOW}"
        )


def _over(limits: Limits, others: Use, wanted: Use) -> str:
    """Say which limits ``wanted`` beside ``others`` breaks; empty for none."""
    broken: list[str] = []
    if others.cores + wanted.cores > limits.cores + 1e-7:
        broken.append(_limit(f"{limits.cores:g} cores", f"{wanted.cores:g}", f"{others.cores:g}"))
    if others.memory + wanted.memory > limits.memory:
        broken.append(_limit(f"{_gib(limits.memory)} of memory", _gib(wanted.memory), _gib(others.memory)))
    return " and ".join(broken)


def _limit(limit: str, wanted: str, others: str) -> str:
    return f"your limit of {limit} (needs {wanted}, your other clusters hold {others})"


def _gib(memory: int) -> str:
    return f"{memory / _GIB:.4g} GiB"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
