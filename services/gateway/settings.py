"""What the gateway's programs are told: settings.json of the ConfigMap and the hub's token of the Secret.

``COFFEA_CASA_GATEWAY_SETTINGS`` and ``COFFEA_CASA_GATEWAY_SECRETS`` name other
places of the file and of the secrets' directory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
"""A JSON object, such as a Kubernetes manifest."""

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: str) -> int:
    """Return the bytes of a Kubernetes quantity such as ``2Gi``.

    Raises ValueError for anything but a number with a binary suffix or none.
    """
    number, unit = (text[:-2], _UNITS[text[-2:]]) if text[-2:] in _UNITS else (text, 1)
    return int(float(number) * unit)


@dataclass(frozen=True, kw_only=True)
class Size:
    """Size of a scheduler or worker pod: cores at most and kept, and bytes of memory."""

    cores: float
    cores_request: float
    memory: int

    @classmethod
    def read(cls, raw: Json) -> Size:
        """Take the values out of a settings object."""
        return cls(
            cores=float(raw["cores"]),
            cores_request=float(raw["coresRequest"]),
            memory=quantity(raw["memory"]),
        )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one user may hold in all of their clusters together; memory in bytes."""

    clusters: int
    cores: float
    memory: int


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The gateway's settings; ``components/dask_gateway.py`` writes them."""

    namespace: str
    instance: str
    image: str
    pull_policy: str
    pull_secrets: tuple[str, ...]
    uid: int
    gid: int
    hub_api_url: str
    hub_service_name: str
    api_url: str
    """Address of the API for schedulers, path included."""
    prefix: str
    """Path of the service below the facility's address, without a slash at its end."""
    idle_timeout: int
    """Seconds."""
    scheduler: Size
    worker: Size
    limits: Limits
    environment: Mapping[str, str]
    volumes: tuple[Json, ...]
    volume_mounts: tuple[Json, ...]
    init_containers: tuple[Json, ...]
    labels: Mapping[str, str]


def parse(raw: Json) -> GatewaySettings:
    """Turn the content of settings.json into GatewaySettings; KeyError names what is missing."""
    limits = raw["limits"]
    return GatewaySettings(
        namespace=raw["namespace"],
        instance=raw["instance"],
        image=raw["image"],
        pull_policy=raw["pullPolicy"],
        pull_secrets=tuple(raw["pullSecrets"]),
        uid=raw["uid"],
        gid=raw["gid"],
        hub_api_url=raw["hubApiUrl"],
        hub_service_name=raw["hubServiceName"],
        api_url=raw["apiUrl"],
        prefix=raw["prefix"].rstrip("/"),
        idle_timeout=raw["idleTimeout"],
        scheduler=Size.read(raw["scheduler"]),
        worker=Size.read(raw["worker"]),
        limits=Limits(
            clusters=limits["clusters"], cores=float(limits["cores"]), memory=quantity(limits["memory"])
        ),
        environment=dict(raw["environment"]),
        volumes=tuple(raw["volumes"]),
        volume_mounts=tuple(raw["volumeMounts"]),
        init_containers=tuple(raw["initContainers"]),
        labels=dict(raw["labels"]),
    )


def load() -> GatewaySettings:
    """Read the settings file."""
    path = os.environ.get("COFFEA_CASA_GATEWAY_SETTINGS", "/etc/coffea-casa/gateway/settings.json")
    return parse(json.loads(Path(path).read_text()))


def hub_token() -> str:
    """Read the token by which the gateway is a service of the hub."""
    directory = os.environ.get("COFFEA_CASA_GATEWAY_SECRETS", "/run/secrets/gateway")
    return (Path(directory) / "hub-token").read_text().strip()
