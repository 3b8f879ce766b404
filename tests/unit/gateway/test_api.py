# pyright: basic
"""The API server as its users see it: what the client library shows, and what Kubernetes is asked."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from dask_gateway import GatewayClusterError
from dask_gateway.client import ClusterStatus

from .world import World, in_world, session

pytestmark = pytest.mark.usefixtures("raw")

API_VERBS = {
    "list daskclusters", "watch daskclusters", "create daskclusters", "patch daskclusters",
    "get daskclusters", "get secrets", "list pods",
}  # fmt: skip
CONTROLLER_VERBS = {
    "list daskclusters", "watch daskclusters", "delete daskclusters", "patch daskclusters/status",
    "list pods", "watch pods", "create pods", "delete pods", "list endpoints", "watch endpoints",
    "create secrets", "delete secrets", "create services",
}  # fmt: skip


def test_a_cluster_from_start_to_end() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            report = await gateway.get_cluster(name)
            assert report.status == ClusterStatus.RUNNING
            assert report.scheduler_address == f"gateway://dask-router:8786/{name}"
            assert report.dashboard_link == f"/services/dask-gateway/clusters/{name}/status"
            assert "BEGIN CERTIFICATE" in report.tls_cert
            assert report.security.get_connection_args("client")["require_encryption"]

            await gateway.scale_cluster(name, 2)
            assert world.schedulers.told[-1] == {"op": "scale", "count": 2}
            await world.heartbeat(name, 2)
            await world.until(lambda: len(world.cluster_pods()) == 3)

            await gateway.stop_cluster(name)
            await world.until(lambda: not world.cluster_pods())
            await world.until(lambda: world.backend.clusters[name].status == ClusterStatus.STOPPED)
            assert await gateway.list_clusters() == []

    in_world(test)


def test_kubernetes_is_asked_in_the_namespace_only_and_with_the_verbs_of_the_roles() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            await gateway.scale_cluster(name, 2)
            await world.heartbeat(name, 2)
            await world.until(lambda: len(world.cluster_pods()) == 3)
            await gateway.stop_cluster(name)
            await world.until(lambda: not world.cluster_pods())
        await world.controller.delete_cluster("opendata", name.split(".")[1])
        assert world.kubernetes.refused == []
        assert world.kubernetes.calls <= API_VERBS | CONTROLLER_VERBS
        assert {"watch daskclusters", "watch pods", "watch endpoints"} <= world.kubernetes.calls

    in_world(test)


def test_a_token_without_the_services_scope_is_refused() -> None:
    async def test(world: World) -> None:
        for token in ("mean-token", "unknown"):
            async with world.gateway(token) as gateway:
                with pytest.raises(Exception, match="Authentication|401"):
                    await gateway.submit()
        assert world.kubernetes.of("daskclusters") == {}

    in_world(test)


def test_another_user_can_neither_see_nor_change_a_cluster() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as ada, world.gateway("bob-token") as bob:
            name = await world.running(ada)
            assert await bob.list_clusters() == []
            for attempt in (bob.get_cluster(name), bob.scale_cluster(name, 1), bob.stop_cluster(name)):
                with pytest.raises(aiohttp.ClientResponseError, match="403"):
                    await attempt
            assert (await ada.get_cluster(name)).status == ClusterStatus.RUNNING
            assert world.schedulers.told == []

    in_world(test)


def test_scaling_over_the_limit_tells_the_user_why_and_changes_nothing() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            await gateway.scale_cluster(name, 5)
            with pytest.raises(
                GatewayClusterError, match="over your limit of 12 cores .needs 13.* at most 5"
            ):
                await gateway.scale_cluster(name, 6)
            assert [msg["count"] for msg in world.schedulers.told] == [5]

    in_world(test)


def test_limits_are_over_all_clusters_of_a_user_and_of_that_user_alone() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as ada, world.gateway("bob-token") as bob:
            first, second = await world.running(ada), await world.running(ada)
            await ada.scale_cluster(first, 4)
            with pytest.raises(
                GatewayClusterError, match="your other clusters hold 9.* at most 1 worker here"
            ):
                await ada.scale_cluster(second, 2)
            await bob.scale_cluster(await world.running(bob), 5)
            await ada.scale_cluster(first, 2)
            await ada.scale_cluster(second, 2)

    in_world(test)


def test_one_cluster_too_many_is_refused_until_one_ends() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            first = await gateway.submit()
            await gateway.submit()
            with pytest.raises(ValueError, match="You have 2 Dask clusters and may have 2 at a time"):
                await gateway.submit()
            await gateway.stop_cluster(first)
            await gateway.submit()
        assert len(world.kubernetes.of("daskclusters")) == 3

    in_world(test)


def test_a_cluster_that_is_stopped_at_once_is_stopped() -> None:
    async def test(world: World) -> None:
        world.kubernetes.pause = 0.3
        async with world.gateway() as gateway:
            name = await gateway.submit()
            await gateway.stop_cluster(name)
            spec = world.kubernetes.of("daskclusters")[name.split(".")[1]]["spec"]
            assert spec["active"] is False

    in_world(test)


def test_many_requests_at_once_do_not_get_past_the_limit() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            answers = await asyncio.gather(*(gateway.submit() for _ in range(6)), return_exceptions=True)
            assert sum(isinstance(answer, str) for answer in answers) == 2

    in_world(test)


def test_too_large_a_worker_tells_the_user_what_there_is() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            with pytest.raises(ValueError, match="worker_memory may be 0.25 to 2 in this facility, got 3"):
                await gateway.submit(worker_memory=3)
            options = await gateway.cluster_options()
            with pytest.raises(ValueError):
                options.worker_cores = 3

    in_world(test)


def test_adapt_is_bounded_by_the_room_there_is() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            await gateway.adapt_cluster(name)
            assert world.schedulers.told[-1]["maximum"] == 5
            await gateway.adapt_cluster(name, minimum=1, maximum=3)
            assert world.schedulers.told[-1] == {"op": "adapt", "minimum": 1, "maximum": 3, "active": True}
            for bounds in ({"maximum": 6}, {"minimum": 6}):
                with pytest.raises(GatewayClusterError, match="6 workers .* over your limit of 12 cores"):
                    await gateway.adapt_cluster(name, **bounds)
            for wrong in (-1, 1.5, "many"):
                with pytest.raises(GatewayClusterError, match="takes a whole number of workers"):
                    await gateway.adapt_cluster(name, maximum=wrong)
            assert len(world.schedulers.told) == 2

    in_world(test)


def test_adapt_without_room_is_refused_instead_of_waiting_for_ever() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            first, second = await world.running(gateway), await world.running(gateway)
            await gateway.scale_cluster(first, 5)
            with pytest.raises(GatewayClusterError, match="1 worker with .* Make another cluster smaller"):
                await gateway.adapt_cluster(second)

    in_world(test)


def test_a_scheduler_that_lies_gets_its_grant_and_no_more() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            cluster = world.kubernetes.of("daskclusters")[name.split(".")[1]]
            await world.heartbeat(name, 100)
            assert cluster["spec"]["replicas"] == 0
            await gateway.scale_cluster(name, 2)
            await world.heartbeat(name, 100)
            assert cluster["spec"]["replicas"] == 2
            await world.heartbeat(name, -1)
            assert cluster["spec"]["replicas"] == 0

    in_world(test)


def test_when_adapting_ends_a_cluster_keeps_what_it_has() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            name = await world.running(gateway)
            await gateway.adapt_cluster(name, maximum=4)
            await world.heartbeat(name, 3)
            await gateway.adapt_cluster(name, active=False)
            assert world.kubernetes.of("daskclusters")[name.split(".")[1]]["spec"]["grantedWorkers"] == 3

    in_world(test)


def test_a_cluster_ends_with_its_users_server() -> None:
    async def test(world: World) -> None:
        kubernetes = world.kubernetes
        kubernetes.put("pods", session("ada", "jupyter-ada--old", "Failed"))
        async with world.gateway() as gateway:
            name = (await world.running(gateway)).split(".")[1]
            owners = kubernetes.of("daskclusters")[name]["metadata"]["ownerReferences"]
            assert [owner["name"] for owner in owners] == ["jupyter-ada"]
            assert "blockOwnerDeletion" not in owners[0]
            kubernetes.remove("pods", "jupyter-bob")
            assert name in kubernetes.of("daskclusters")
            kubernetes.remove("pods", "jupyter-ada")
            assert kubernetes.of("daskclusters") == {}
            assert f"dask-scheduler-{name}" not in kubernetes.of("pods")
            await world.until(lambda: not world.backend.clusters)
            assert await gateway.list_clusters() == []

    in_world(test)


def test_a_clusters_pods_have_the_credentials_of_their_user_and_of_nobody_else() -> None:
    async def test(world: World) -> None:
        async with world.gateway() as gateway:
            # What a user writes is not filled in.
            name = await world.running(gateway, environment={"TEXT": "{user_server}"})
            await gateway.scale_cluster(name, 1)
            await world.heartbeat(name, 1)
            await world.until(lambda: len(world.cluster_pods()) == 2)
            for pod in world.cluster_pods():
                volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
                assert volumes["session-secret"]["secret"]["secretName"] == "session-ada-slug"
                assert {"name": "TEXT", "value": "{user_server}"} in pod["spec"]["containers"][0]["env"]

    in_world(test)


def test_without_a_running_server_there_is_no_cluster_and_the_user_hears_why() -> None:
    async def test(world: World) -> None:
        world.kubernetes.put("pods", session("ada", "jupyter-ada", "Succeeded"))
        async with world.gateway() as gateway:
            with pytest.raises(ValueError, match="no running server: start it first"):
                await gateway.submit()
        assert world.kubernetes.of("daskclusters") == {}

    in_world(test)


def test_the_api_answers_below_the_prefix_and_at_the_root() -> None:
    async def test(world: World) -> None:
        async with aiohttp.ClientSession() as http:
            for path in ("/api/health", "/services/dask-gateway/api/health"):
                async with http.get(world.address + path) as answer:
                    assert (answer.status, await answer.json()) == (200, {"status": "pass"})
            async with http.get(world.address + "/services/other/api/health") as answer:
                assert answer.status == 404

    in_world(test)
