# pyright: basic
"""The controller's pods pass Pod Security "restricted", and its calls stay in the namespace."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import aiohttp
import pytest
from dask_gateway_server.backends.kubernetes.controller import ClusterInfo
from dask_gateway_server.models import User
from dask_gateway_server.utils import FrozenAttrDict
from kubernetes_asyncio.client.rest import ApiException

from services.gateway.backend import FacilityBackend
from services.gateway.controller import FacilityController
from services.gateway.namespaced import ClusterWideCallError, NamespacedClient

from .world import World, in_world

pytestmark = pytest.mark.usefixtures("raw")
CLUSTER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def controller(raw: dict[str, Any]) -> FacilityController:
    made = FacilityController()
    made.initialize(["--log-level=ERROR"])
    made.core_client = SimpleNamespace(delete_namespaced_pod=AsyncMock())
    return made


@pytest.fixture(params=[False, True], ids=["scheduler", "worker"])
def pod(request: pytest.FixtureRequest, controller: FacilityController) -> dict[str, Any]:
    backend = FacilityBackend(config=controller.config, parent=None)
    _, config = asyncio.run(backend.process_cluster_options(User("ada"), {"environment": {"MINE": "1"}}))
    return controller.make_pod("opendata", CLUSTER, FrozenAttrDict(config.to_dict()), request.param)


def test_pods_are_restricted(pod: dict[str, Any]) -> None:
    spec, (container,) = pod["spec"], pod["spec"]["containers"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert kinds == {"secret", "projected", "emptyDir"}


def test_network_policies_find_pods_by_component(pod: dict[str, Any]) -> None:
    labels = pod["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == pod["spec"]["containers"][0]["name"]
    assert labels["app.kubernetes.io/part-of"] == "coffea-casa"
    assert labels["gateway.dask.org/cluster"] == CLUSTER


def test_pods_get_what_sessions_get(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert environment.items() >= {"X509_CERT_DIR": "/etc/grid", "MINE": "1"}.items()
    assert {"name": "files-ca", "mountPath": "/etc/cmsaf-secrets", "readOnly": True} in container[
        "volumeMounts"
    ]
    assert "files-ca" in [volume["name"] for volume in pod["spec"]["volumes"]]
    assert pod["spec"]["initContainers"] == [{"name": "credentials", "restartPolicy": "Always"}]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert container["image"] == "registry.example.org/session:1"


def test_sizes_and_commands(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    command, limits = " ".join(container["args"]), container["resources"]["limits"]
    if container["name"] == "dask-worker":
        assert limits == {"cpu": "2.000", "memory": str(2**31)}
        assert f"tls://dask-{CLUSTER}.opendata:8786" in command
        assert "--nthreads 2" in command
    else:
        assert limits == {"cpu": "1.000", "memory": str(2**30)}
        assert "--dg-idle-timeout 1800.0" in command
        assert "--protocol tls" in command


def test_a_user_cannot_replace_the_clusters_credentials(controller: FacilityController) -> None:
    config = FrozenAttrDict({"environment": {"DASK_GATEWAY_API_URL": "http://evil", "A": "1"}})
    environment = {each["name"]: each["value"] for each in controller.get_env("opendata", CLUSTER, config)}
    assert environment["DASK_GATEWAY_API_URL"] == "http://dask-gateway:8000/services/dask-gateway/api"
    assert environment["A"] == "1"


def test_cluster_wide_calls_become_namespaced() -> None:
    calls: list[dict[str, Any]] = []
    client = SimpleNamespace(
        list_namespaced_pod=lambda **wanted: calls.append(wanted), api_client="connection"
    )
    namespaced = NamespacedClient(client, "opendata")
    namespaced.list_pod_for_all_namespaces(label_selector="a=b")
    assert calls == [{"namespace": "opendata", "label_selector": "a=b"}]
    assert namespaced.api_client == "connection"


@pytest.mark.parametrize(
    "call",
    ["list_secret_for_all_namespaces", "list_node", "delete_cluster_custom_object", "create_namespace"],
)
def test_other_cluster_wide_calls_are_refused(call: str) -> None:
    with pytest.raises(ClusterWideCallError, match=f"{call} reaches beyond the namespace opendata"):
        getattr(NamespacedClient(SimpleNamespace(**{call: None}), "opendata"), call)


def test_no_traefik_objects_are_made(controller: FacilityController) -> None:
    async def routes() -> set[str]:
        # The clients know no call that makes one: an attempt would raise.
        return {
            await controller.create_ingressroute_if_not_exists({}, {}),
            await controller.create_ingressroutetcp_if_not_exists({}, {}),
        }

    assert asyncio.run(routes()) == {"dask-router"}


@pytest.mark.parametrize(("status", "fails"), [(404, False), (403, True)])
def test_a_pod_gone_already_is_deleted_well_enough(
    controller: FacilityController, status: int, fails: bool
) -> None:
    controller.core_client = SimpleNamespace(
        delete_namespaced_pod=AsyncMock(side_effect=ApiException(status=status))
    )
    info = ClusterInfo()
    info.set_expectations(deletes=1)
    if fails:
        with pytest.raises(ApiException):
            asyncio.run(controller.delete_pod("opendata", "dask-worker-1", info))
    else:
        asyncio.run(controller.delete_pod("opendata", "dask-worker-1", info))
    assert info.expectations_fulfilled()


def test_scaling_down_deletes_as_many_pending_pods_as_are_too_many(controller: FacilityController) -> None:
    delete = AsyncMock()
    controller.core_client = SimpleNamespace(delete_namespaced_pod=delete)
    info = ClusterInfo()
    for number in range(5):
        info.on_worker_pending(f"dask-worker-{number}")
    cluster = {"metadata": {"name": CLUSTER, "namespace": "opendata"}}
    asyncio.run(controller.handle_scale_down(cluster, {}, info, 2, -3))
    assert delete.await_count == 3


def test_the_controller_says_when_a_reconciler_has_died() -> None:
    async def test(world: World) -> None:
        address = f"http://127.0.0.1:{world.controller.runner.addresses[0][1]}/api/health"
        async with aiohttp.ClientSession() as http:
            async with http.get(address) as answer:
                assert answer.status == 200
            world.controller.reconcilers[0].cancel()
            await asyncio.sleep(0.05)
            async with http.get(address) as answer:
                assert answer.status == 503

    in_world(test)
