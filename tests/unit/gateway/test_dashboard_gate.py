# pyright: basic
"""The gate lets a cluster's owner through, and nobody else; with a fake hub and a fake gateway API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from services.gateway.dashboard_gate import Owners, application
from services.gateway.settings import GatewaySettings

from .world import SCOPE, fake_hub, serve, user

CLUSTER = "opendata.0123456789abcdef0123456789abcdef"
PREFIX = "/services/dask-gateway"
DASHBOARD = f"{PREFIX}/clusters/{CLUSTER}/status"
USERS = {
    "ada-token": user("ada", SCOPE),
    "bob-token": user("bob", SCOPE),
    "oauth-good": user("ada", SCOPE),
}


@dataclass
class Gate:
    http: aiohttp.ClientSession
    asked: list[str]

    async def check(self, cluster: str = CLUSTER, **headers: str) -> int:
        async with self.http.get(f"/check/{cluster}", headers=headers) as answer:
            return answer.status


@asynccontextmanager
async def gate(settings: GatewaySettings) -> AsyncGenerator[Gate, None]:
    asked: list[str] = []

    async def cluster(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("jupyterhub ")
        asked.append(token)
        if request.match_info["name"] == "opendata.bad":
            return web.Response(status=502)
        if request.match_info["name"] != CLUSTER:
            return web.Response(status=404)
        return web.Response(status=200 if USERS[token]["name"] == "ada" else 403)

    api = web.Application()
    api.router.add_get(PREFIX + "/api/v1/clusters/{name}", cluster)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(serve(fake_hub(USERS)))
        api_address = await stack.enter_async_context(serve(api))
        socket, port = bind_unused_port()
        server = HTTPServer(
            application(replace(settings, hub_api_url=f"{hub}/hub/api"), "hub-token", api_address)
        )
        server.add_socket(socket)
        stack.callback(server.stop)
        # Host names only: cookies of plain addresses are not kept by aiohttp.
        http = aiohttp.ClientSession(f"http://localhost:{port}")
        await stack.enter_async_context(http)
        yield Gate(http, asked)


def at_gate(settings: GatewaySettings, test: Callable[[Gate], Awaitable[None]]) -> None:
    async def main() -> None:
        async with gate(settings) as here:
            await test(here)

    asyncio.run(main())


def test_tokens_of_owner_stranger_and_nobody(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        assert await gate.check(Authorization="token ada-token") == 204
        assert await gate.check(Authorization="Bearer ada-token") == 204
        assert await gate.check(Authorization="token bob-token") == 403
        assert await gate.check(Authorization="token unknown") == 401
        assert await gate.check() == 401
        assert await gate.check("opendata.00ff", Authorization="token ada-token") == 403

    at_gate(settings, test)


def test_a_forged_cookie_is_nobody(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        assert await gate.check(Cookie="service-dask-gateway=ada-token") == 401

    at_gate(settings, test)


def test_when_the_api_does_not_answer_nobody_gets_through(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        assert await gate.check("opendata.bad", Authorization="token ada-token") == 500

    at_gate(settings, test)


def test_a_browser_logs_in_and_comes_back(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        wanted = DASHBOARD + "?theme=dark"
        async with gate.http.get(wanted, allow_redirects=False) as answer:
            assert answer.status == 302
            to_hub = urlsplit(answer.headers["Location"])
            assert to_hub.path == "/hub/api/oauth2/authorize"
            query = {key: value[0] for key, value in parse_qs(to_hub.query).items()}
            assert query["client_id"] == "service-dask-gateway"
            assert query["redirect_uri"] == f"{PREFIX}/oauth_callback"
            assert query["code_challenge_method"] == "S256"
        back = f"{PREFIX}/oauth_callback?code=good&state={query['state']}"
        async with gate.http.get(back, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, wanted)
            cookie = next(c for c in answer.headers.getall("Set-Cookie") if "service-dask-gateway=" in c)
            assert f"Path={PREFIX}/" in cookie
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "oauth-good" not in cookie.split(";")[1:]
        jar = {m.key: m.value for m in gate.http.cookie_jar}
        header = "; ".join(f'{key}="{value}"' for key, value in jar.items())
        assert await gate.check(Cookie=header) == 204

    at_gate(settings, test)


def test_a_log_in_that_nobody_asked_for_is_refused(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        back = f"{PREFIX}/oauth_callback?code=good&state=forged"
        async with gate.http.get(back, allow_redirects=False) as answer:
            assert answer.status == 403

    at_gate(settings, test)


def test_a_program_with_a_wrong_token_is_not_sent_to_the_log_in(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        headers = {"Authorization": "token unknown"}
        async with gate.http.get(DASHBOARD, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 401

    at_gate(settings, test)


def test_an_owner_is_remembered_and_a_stranger_is_not(settings: GatewaySettings) -> None:
    async def test(gate: Gate) -> None:
        for _ in range(3):
            await gate.check(Authorization="token ada-token")
            await gate.check(Authorization="token bob-token")
        assert gate.asked.count("ada-token") == 1
        assert gate.asked.count("bob-token") == 3

    at_gate(settings, test)


def test_being_remembered_is_for_one_cluster(settings: GatewaySettings) -> None:
    answers = {"one": True, "two": False}

    class Known(Owners):
        async def _ask(self, token: str, cluster: str) -> bool:
            return answers[cluster]

    async def test() -> None:
        owners = Known("http://unused")
        assert await owners.owns("t", "one")
        assert not await owners.owns("t", "two")

    asyncio.run(test())


def test_logs_hold_no_queries(settings: GatewaySettings, caplog: pytest.LogCaptureFixture) -> None:
    async def test(gate: Gate) -> None:
        async with gate.http.get(f"{PREFIX}/oauth_callback?code=s3cret&state=x") as answer:
            assert answer.status == 403

    with caplog.at_level(logging.INFO, logger="dashboard-gate"):
        at_gate(settings, test)
    ours = [record.getMessage() for record in caplog.records if record.name == "dashboard-gate"]
    assert ours == [f"403 GET {PREFIX}/oauth_callback"]
    assert "s3cret" not in caplog.text
