"""A hub's settings and secrets as the deployment mounts them, and KubeSpawner on top of them."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubespawner import KubeSpawner
from traitlets.config import Config

from services.hub import settings as hub_settings
from services.hub.settings import HubSettings, load
from services.hub.spawner import kubespawner

SETTINGS = Path(__file__).with_name("settings.json")
SECRETS = {
    "cookie-secret": "ab" * 32,
    "crypt-key": "cd" * 32,
    "proxy-token": "proxy-token-of-a-test",
    "oidc-client-secret": "client-secret-of-a-test",
    "dask-gateway-token": "gateway-token-of-a-test",
}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory of secret files."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    for name, value in SECRETS.items():
        (directory / name).write_text(value + "\n")
    return directory


@pytest.fixture
def settings() -> HubSettings:
    """The settings of the opendata stack."""
    return load(SETTINGS)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., HubSettings]:
    """Load settings with some sections' keys changed: ``changed(access={"users": []})``."""

    def change(**sections: dict[str, Any]) -> HubSettings:
        data = json.loads(SETTINGS.read_text())
        for section, values in sections.items():
            data[section] |= values
        path = tmp_path / "settings.json"
        path.write_text(json.dumps(data))
        return hub_settings.load(path)

    return change


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: none, user: {}}]
"""


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """KubeSpawner reads a kubeconfig when it is made; this one leads nowhere."""
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    # The library read the variable when it was imported, perhaps by an earlier test.
    monkeypatch.setattr("kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))


@pytest.fixture
def spawner() -> Callable[..., KubeSpawner]:
    """Make the KubeSpawner of a user as the hub would, without a cluster."""

    def make(settings: HubSettings, username: str = "ada@example.org") -> KubeSpawner:
        user = SimpleNamespace(name=username, id=1, url=f"/user/{username}/", escaped_name=username)
        hub = SimpleNamespace(public_host="", base_url="/hub/", api_url="http://hub:8081/hub/api", url="x")
        return KubeSpawner(
            _mock=True, user=user, hub=hub, config=Config(KubeSpawner=kubespawner(settings)), api_token="t"
        )

    return make
