# pyright: basic
# dask-gateway-server has no types.
"""The controller: dask-gateway's, in one namespace and without Traefik.

Run as ``python -m services.gateway.controller``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.kubernetes.controller import KubeController
from kubernetes_asyncio.client.rest import ApiException
from traitlets import default

from services.gateway.namespaced import InOneNamespace
from services.gateway.settings import Json

_ROUTE = "dask-router"
"""What stands in a DaskCluster's status for its routes: the router finds clusters by name."""


class FacilityController(InOneNamespace, KubeController):
    """Turns DaskClusters of one facility into pods, Services and Secrets."""

    @default("config_file")
    def _own_config_file(self) -> str:
        return str(Path(__file__).with_name("dask_gateway_config.py"))

    def initialize(self, argv: list[str] | None = None) -> None:
        """Load the configuration and add what the liveness probe asks for."""
        super().initialize(argv)
        self.app.router.add_get("/api/health", self._health)

    async def _health(self, request: web.Request) -> web.Response:
        # A reconciler ends only when the queue is closed: fewer of them means one has died.
        alive = all(not task.done() for task in self.reconcilers)
        return web.json_response({"status": "pass" if alive else "fail"}, status=200 if alive else 503)

    async def create_ingressroute_if_not_exists(self, cluster: Json, sched_pod: Json) -> str:
        """Make nothing: DaskRouter routes dashboards by name."""
        return _ROUTE

    async def create_ingressroutetcp_if_not_exists(self, cluster: Json, sched_pod: Json) -> str:
        """Make nothing: DaskRouter routes TLS by server name."""
        return _ROUTE

    async def handle_scale_down(
        self, cluster: Json, sched_pod: Json, info: Any, replicas: int, delta: int
    ) -> bool:
        """Delete pending pods that are too many.

        dask-gateway 2026.3 takes ``pending[:delta]`` with a negative delta, which
        spares the pods it should delete and deletes those it should spare.
        """
        return await super().handle_scale_down(cluster, sched_pod, info, replicas, -delta)

    async def delete_pod(self, namespace: str, pod_name: str, info: Any = None) -> None:
        """Delete a pod that may be gone already.

        dask-gateway 2026.3 asks the exception for ``code``, which it does not have,
        so a pod gone already made every later attempt fail too.
        """
        try:
            await self.core_client.delete_namespaced_pod(pod_name, namespace)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if info is not None:
                info.deletes -= 1
            if isinstance(error, ApiException) and error.status == 404:
                return
            self.log.warning("Failed to delete pod %s/%s", namespace, pod_name, exc_info=True)
            raise


if __name__ == "__main__":
    FacilityController.launch_instance()
