"""The gateway's settings in a file, as its programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.gateway.settings import GatewaySettings, parse

RAW: dict[str, Any] = {
    "namespace": "opendata",
    "dnsDomain": "cluster.local",
    "instance": "opendata",
    "image": "registry.example.org/session:1",
    "pullPolicy": "IfNotPresent",
    "pullSecrets": ["pull"],
    "uid": 1000,
    "gid": 1000,
    "hubApiUrl": "http://hub:8081/hub/api",
    "hubServiceName": "dask-gateway",
    "apiUrl": "http://dask-gateway:8000/services/dask-gateway/api",
    "prefix": "/services/dask-gateway",
    "publicUrl": "https://localhost:30443",
    "idleTimeout": 1800,
    "scheduler": {"cores": 1, "coresRequest": 0.25, "memory": "1Gi"},
    "worker": {"cores": 2, "coresRequest": 0.5, "memory": "2Gi"},
    "limits": {"clusters": 2, "cores": 12, "memory": "16Gi"},
    "environment": {"X509_CERT_DIR": "/etc/grid", "LANG": "C"},
    "volumes": [
        {"name": "files-ca", "projected": {"sources": [{"configMap": {"name": "facility-ca"}}]}},
        {"name": "session-secret", "secret": {"secretName": "session-{user_server}"}},
    ],
    "volumeMounts": [{"name": "files-ca", "mountPath": "/etc/cmsaf-secrets", "readOnly": True}],
    "initContainers": [{"name": "credentials", "restartPolicy": "Always"}],
    "labels": {
        "app.kubernetes.io/name": "coffea-casa",
        "app.kubernetes.io/instance": "opendata",
        "app.kubernetes.io/component": "dask",
        "app.kubernetes.io/part-of": "coffea-casa",
    },
}


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """settings.json, written where the programs look for it."""
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(RAW))
    monkeypatch.setenv("COFFEA_CASA_GATEWAY_SETTINGS", str(path))
    return json.loads(path.read_text())


@pytest.fixture
def settings(raw: dict[str, Any]) -> GatewaySettings:
    """The same, read."""
    return parse(raw)
