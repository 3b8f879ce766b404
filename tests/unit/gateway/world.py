# pyright: basic
"""A gateway in one process: real API server, controller and client library; fake Kubernetes and hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from aiohttp import web
from dask_gateway import Gateway
from dask_gateway.auth import JupyterHubAuth
from dask_gateway_server.app import DaskGateway
from kubernetes_asyncio import client, config

from services.gateway.controller import FacilityController

from .fake_kubernetes import FakeKubernetes

SCOPE = "access:services!service=dask-gateway"
CONFIG = "services/gateway/dask_gateway_config.py"


@asynccontextmanager
async def serve(app: web.Application) -> AsyncGenerator[str, None]:
    """Serve on loopback; gives the address."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def fake_hub(users: dict[str, dict[str, Any]]) -> web.Application:
    """Return a hub that knows users by token, and gives the token ``oauth-CODE`` for a log-in code."""

    async def user(request: web.Request) -> web.Response:
        found = users.get(request.headers["Authorization"].removeprefix("token "))
        return web.json_response(found) if found else web.json_response({"message": "no"}, status=403)

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "oauth-" + str((await request.post())["code"])})

    app = web.Application()
    app.add_routes([web.get("/hub/api/user", user), web.post("/hub/api/oauth2/token", token)])
    return app


def user(name: str, *scopes: str) -> dict[str, Any]:
    """Return the hub's model of a user."""
    return {"kind": "user", "name": name, "groups": [], "admin": False, "scopes": list(scopes)}


def session(username: str, pod: str, phase: str = "Running") -> dict[str, Any]:
    """Return a user's session pod as KubeSpawner makes it."""
    return {
        "metadata": {
            "name": pod,
            "labels": {"app.kubernetes.io/component": "session", "coffea-casa/user": f"{username}-slug"},
            "annotations": {"hub.jupyter.org/username": username},
        },
        "spec": {"containers": [{"name": "notebook"}]},
        "status": {"phase": phase},
    }


@dataclass
class Scheduler:
    """Stands for the backend's connection to schedulers; keeps what they are told."""

    told: list[dict[str, Any]] = field(default_factory=list)

    async def post(self, url: str, json: dict[str, Any], **_: Any) -> None:
        self.told.append(json)

    async def close(self) -> None:
        pass


@dataclass
class World:
    """What a test drives."""

    kubernetes: FakeKubernetes
    address: str
    backend: Any
    controller: FacilityController
    schedulers: Scheduler

    def gateway(self, token: str = "ada-token") -> Any:
        """Return the client library's Gateway; asynchronous, which its types do not know."""
        return Gateway(
            address=f"{self.address}/services/dask-gateway",
            proxy_address="gateway://dask-router:8786",
            public_address="/services/dask-gateway",
            auth=JupyterHubAuth(api_token=token),
            asynchronous=True,
        )

    def cluster_pods(self) -> list[Any]:
        """Return the pods that are not sessions."""
        found = self.kubernetes.of("pods").values()
        return [pod for pod in found if "coffea-casa/user" not in pod["metadata"]["labels"]]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, at most 5 s."""
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("still not so after 5 s")

    async def running(self, gateway: Any, **options: Any) -> str:
        """Start a cluster and wait until it runs; returns its name."""
        name = await gateway.submit(**options)
        await gateway._wait_for_start(name)
        return name

    async def heartbeat(self, name: str, count: int) -> None:
        """Say what a scheduler says when it wants so many workers."""
        msg = {"count": count, "active_workers": [], "closing_workers": [], "closed_workers": []}
        await self.backend.on_cluster_heartbeat(name, msg)


@asynccontextmanager
async def world() -> AsyncGenerator[World, None]:
    """Start everything; needs the settings file of the ``raw`` fixture."""
    kubernetes = FakeKubernetes("opendata")
    for name in ("ada", "bob"):
        kubernetes.put("pods", session(name, f"jupyter-{name}"))
    users = {
        "ada-token": user("ada", SCOPE),
        "bob-token": user("bob", SCOPE),
        "mean-token": user("ada", "access:services!service=other"),
    }
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(serve(fake_hub(users)))
        host = await stack.enter_async_context(kubernetes.serve())
        connection = client.Configuration(host=host)
        stack.enter_context(mock.patch.object(client.Configuration, "_default", connection))
        stack.enter_context(mock.patch.object(config, "load_incluster_config", lambda: None))
        controller = FacilityController()
        controller.initialize(["--FacilityController.address=127.0.0.1:0", "--log-level=ERROR"])
        await controller.setup()
        stack.push_async_callback(controller.cleanup)
        server = DaskGateway()
        server.initialize(
            ["-f", CONFIG, "--DaskGateway.address=127.0.0.1:0", "--log-level=ERROR",
             f"--JupyterHubAuthenticator.jupyterhub_api_url={hub}/hub/api"]
        )  # fmt: skip
        await server.setup()
        stack.push_async_callback(server.cleanup)
        schedulers = Scheduler()
        await server.backend.session.close()
        server.backend.session = schedulers
        address = f"http://127.0.0.1:{server.runner.addresses[0][1]}"
        yield World(kubernetes, address, server.backend, controller, schedulers)


def in_world(test: Callable[[World], Awaitable[None]]) -> None:
    """Run a test in a new world."""

    async def main() -> None:
        async with world() as here:
            await test(here)

    asyncio.run(main())
