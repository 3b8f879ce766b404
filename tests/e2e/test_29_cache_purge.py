"""A cache that is full: the very configuration of the facility's, with small limits, in a pod of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.xcache_config import config
from images.table import reference
from local import origin
from local.images import REGISTRY
from settings import XCache
from settings.quantity import bytes_of
from tests.e2e.facility import kubectl, wait_for

NAME, HERE = "small-cache", "--namespace=origin"
SETTINGS = XCache(
    origin="origin", prefix=origin.PREFIX, size="1Gi", low_watermark=0.3, high_watermark=0.5, block_size="1Mi"
)
FILES = tuple(f"{origin.FOLDER}/zeros-{number}" for number in range(20))
MIB = 2**20
EACH = 40 * MIB


def manifest() -> list[dict[str, Any]]:
    """Return the cache's pod, which keeps what it has in an empty directory."""
    folders = ("cache", "run", "tmp")
    paths = {"cache": "/cache", "run": "/run/xrootd", "tmp": "/tmp", "config": "/etc/coffea-casa/xcache"}
    metadata = {"name": NAME, "namespace": "origin"}
    volumes: list[dict[str, Any]] = [{"name": name, "emptyDir": {}} for name in folders]
    container = {
        "name": "xrootd",
        "image": reference(REGISTRY, "xcache"),
        "imagePullPolicy": "Never",
        "args": ["/usr/local/bin/xcache"],
        "resources": {"limits": {"memory": "2Gi"}},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in paths.items()],
        "readinessProbe": {"exec": {"command": ["xrdfs", "localhost", "query", "config", "version"]}},
    }
    spec = {
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
        "containers": [container],
        "volumes": [*volumes, {"name": "config", "configMap": {"name": NAME}}],
    }
    text = config(SETTINGS, "test")
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"xcache.cfg": text}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    ]


def inside(*words: str) -> str:
    """Run a command in the cache's pod; return what it prints."""
    return kubectl("exec", NAME, HERE, "--", *words).stdout


def kept() -> int:
    """Return the bytes that the cache's files take."""
    return int(inside("du", "--summarize", "--block-size=1", "/cache/data").split()[0])


def read(file: str) -> int:
    """Read a file through the cache; return its bytes."""
    return int(inside("sh", "-c", f"xrdcp -s root://localhost/{file} - | wc -c"))


@pytest.fixture
def small_cache() -> Iterator[None]:
    """An empty cache that may keep half a gibibyte, and an origin with more."""
    places = [origin.data() / file.lstrip("/") for file in FILES]
    for place in places:
        with place.open("wb") as content:
            content.truncate(EACH)
    objects = {"apiVersion": "v1", "kind": "List", "items": manifest()}
    kubectl("apply", HERE, "--filename=-", stdin=json.dumps(objects))
    kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", HERE, "--timeout=60s")
    yield
    kubectl("delete", f"pod/{NAME}", f"configmap/{NAME}", HERE, "--grace-period=1")
    for place in places:
        place.unlink()


@pytest.mark.usefixtures("small_cache")
def test_a_cache_over_its_high_watermark_throws_files_away_and_keeps_serving() -> None:
    low, high = (bytes_of(SETTINGS.size) * mark for mark in (SETTINGS.low_watermark, SETTINGS.high_watermark))
    assert [read(file) for file in FILES] == [EACH] * len(FILES)
    assert kept() > high
    # It looks once a minute. What was written in the minute before is not counted yet, so that much more
    # than the low watermark may stay; the next time counts it.
    after = wait_for("less than the high watermark", lambda: size if (size := kept()) <= high else None, 240)
    assert after > low / 2, "no more than needed is thrown away"
    assert [read(file) for file in FILES] == [EACH] * len(FILES)
