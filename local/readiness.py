"""Tells which standing pods are at work, also after a crash, when what the API says is old news."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any


def not_ready(pods: Iterable[Mapping[str, Any]], since: datetime) -> list[str]:
    """Return the names of pods of Deployments that are not ready, as ``NAMESPACE/NAME``.

    ``since`` is when the cluster was started. A container that started before it is no
    more, whatever its pod's status says: kubelet has not looked yet.
    """
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if any(owner["kind"] == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences", ()))
        and not ("deletionTimestamp" in pod["metadata"] or _ready(pod["status"], since))
    ]


def _ready(status: Mapping[str, Any], since: datetime) -> bool:
    containers = status.get("containerStatuses", ())
    return bool(containers) and all(
        one["ready"] and datetime.fromisoformat(one["state"]["running"]["startedAt"]) >= since
        for one in containers
    )
