"""KubeSpawner's hooks as they are put together, on the real issuer."""

from __future__ import annotations

import base64
import copy
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiException, V1ObjectMeta, V1Pod

from services.hub import hooks as module
from services.hub.facility_spawner import FacilitySpawner
from services.hub.hooks import hooks
from services.hub.settings import HubSettings
from tests.unit.credentials.ca import Ca
from tests.unit.hub.test_issuer import context, issuer

ACCOUNT = {"kubernetes.io": {"serviceaccount": {"name": "hub", "uid": "account-uid"}}}
TOKEN = "e30." + base64.urlsafe_b64encode(json.dumps(ACCOUNT).encode()).decode().rstrip("=") + ".c2ln"


class Api:
    """Kubernetes' Secrets, in the order they were written."""

    def __init__(self) -> None:
        self.written = list[Any]()

    async def replace_namespaced_secret(self, name: str, namespace: str, body: Any) -> None:
        if not self.written:
            raise ApiException(status=404)
        self.written.append(body)

    async def create_namespaced_secret(self, namespace: str, body: Any) -> None:
        self.written.append(body)


async def test_a_session_and_its_secret_get_their_owners(
    tmp_path: Path, settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = Ca()
    async with issuer(tmp_path, ca) as url:
        trust = context(tmp_path, ca)
        monkeypatch.setattr(module, "tls_context", lambda: trust)
        object.__setattr__(settings.credentials, "url", url)
        made = hooks(settings, TOKEN)
        spawner = SimpleNamespace(
            user=SimpleNamespace(name="ada@example.org"),
            pod_name="jupyter-ada",
            namespace="opendata",
            api=Api(),
            log=logging.getLogger("spawner"),
        )
        pod = await made["modify_pod_hook"](spawner, V1Pod(metadata=V1ObjectMeta()))
        await made["after_pod_created_hook"](spawner, {"metadata": {"uid": "pod-uid"}})
    assert pod.metadata.owner_references[0]["uid"] == "account-uid"
    owners = [secret["metadata"]["ownerReferences"][0]["uid"] for secret in spawner.api.written]
    assert owners == ["account-uid", "pod-uid"]
    assert spawner.api.written[0]["stringData"]["access_token"].count(".") == 2


def test_the_hub_can_copy_them_as_it_copies_its_configuration(
    settings: HubSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "tls_context", lambda: None)
    made = hooks(settings, TOKEN)
    assert copy.deepcopy(made) == made


@pytest.mark.parametrize(("status", "seen"), [(None, 1), (1, 0)])
async def test_the_running_hook_is_called_for_sessions_that_run_and_only_for_those(
    status: int | None, seen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def poll(_: object) -> int | None:
        return status

    monkeypatch.setattr("kubespawner.KubeSpawner.poll", poll)
    called = list[object]()
    spawner = FacilitySpawner(_mock=True, running_hook=called.append)
    assert await spawner.poll() == status
    assert called == [spawner] * seen
