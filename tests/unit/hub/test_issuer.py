"""The hub asks the real credential service for bundles: on loopback, over real TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from cryptography import x509

from services.credentials.server import Addresses, serving
from services.hub.issuer import IssuerClient, IssuerError, tls_context
from tests.unit.credentials.ca import Ca, Leaf
from tests.unit.credentials.conftest import SETTINGS
from tests.unit.credentials.running import HUB, deploy

USER, SLUG = "ada@example.org", "ada-example-org---8b1d2c3e"


@pytest.fixture(scope="module")
def ca() -> Ca:
    return Ca()


def context(directory: Path, ca: Ca, leaf: Leaf | None = None) -> ssl.SSLContext:
    """Return the hub's context, from files as the deployment mounts them."""
    leaf = leaf or ca.leaf(HUB, "client_auth")
    client = directory / "issuer"
    client.mkdir()
    (client / "tls.crt").write_text(leaf.chain)
    (client / "tls.key").write_text(leaf.key)
    (directory / "ca.pem").write_text(ca.pem)
    return tls_context(directory / "ca.pem", client)


@asynccontextmanager
async def issuer_with_keys(directory: Path, ca: Ca) -> AsyncGenerator[tuple[str, str]]:
    """Serve; gives the addresses of the API and of the public keys."""
    (directory / "service").mkdir()
    places = deploy(directory / "service", ca, SETTINGS)
    async with serving(places, Addresses("127.0.0.1", 0, 0)) as addresses:
        here = "https://127.0.0.1"
        yield f"{here}:{addresses.api_port}", f"{here}:{addresses.discovery_port}"


@asynccontextmanager
async def issuer(directory: Path, ca: Ca) -> AsyncGenerator[str]:
    """Serve; gives the address."""
    async with issuer_with_keys(directory, ca) as (url, _):
        yield url


async def test_a_bundle_is_that_users_and_says_when_it_ends(tmp_path: Path, ca: Ca) -> None:
    async with issuer(tmp_path, ca) as url:
        bundle = await IssuerClient(url, context(tmp_path, ca)).bundle(USER, SLUG)
    assert set(bundle.files) == {"ca.pem", "hostcert.pem", "usercert.pem", "access_token"}
    claims = jwt.decode(bundle.files["access_token"], options={"verify_signature": False})
    assert claims["sub"] == USER
    assert claims["exp"] == bundle.expires["access_token"]
    user = x509.load_pem_x509_certificate(bundle.files["usercert.pem"].encode())
    assert USER in user.subject.rfc4514_string()
    assert "PRIVATE" not in repr(bundle)
    assert bundle.files["access_token"] not in repr(bundle)


async def test_a_hundred_at_once_are_served_and_the_loop_stays_free(tmp_path: Path, ca: Ca) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    async with issuer(tmp_path, ca) as url:
        client = IssuerClient(url, context(tmp_path, ca))
        ticking = asyncio.ensure_future(tick())
        bundles = await asyncio.gather(*(client.bundle(f"user{i}", f"user{i}") for i in range(100)))
        ticking.cancel()
    assert len({bundle.files["access_token"] for bundle in bundles}) == 100
    assert ticks > 20


async def test_a_certificate_that_is_not_the_hubs_gets_no_bundle_and_is_not_tried_again(
    tmp_path: Path, ca: Ca
) -> None:
    other = ca.leaf(HUB | {"commonName": "gateway"}, "client_auth")
    async with issuer(tmp_path, ca) as url:
        with pytest.raises(IssuerError, match="403 this certificate is not the hub's"):
            await asyncio.wait_for(IssuerClient(url, context(tmp_path, ca, other)).bundle(USER, SLUG), 5)


async def test_an_issuer_of_another_ca_is_not_believed(
    tmp_path: Path, ca: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.hub.issuer._PAUSE", 0)
    (tmp_path / "theirs").mkdir()
    async with issuer(tmp_path / "theirs", Ca()) as url:
        with pytest.raises(IssuerError, match="Certificate"):
            await IssuerClient(url, context(tmp_path, ca)).bundle(USER, SLUG)


@asynccontextmanager
async def answering(*statuses: int) -> AsyncGenerator[tuple[str, list[object]]]:
    """A service that answers so, one after the other, and keeps what it was asked."""
    left, asked = list(statuses), list[object]()

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        status = left.pop(0)
        body = {"files": {"ca.pem": "x"}, "expires": {}} if status == 200 else {"error": "busy"}
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_post("/v1/bundles", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_a_busy_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.hub.issuer._PAUSE", 0)
    async with answering(429, 503, 200) as (url, asked):
        bundle = await IssuerClient(url, ssl.create_default_context()).bundle(USER, SLUG)
    assert bundle.files == {"ca.pem": "x"}
    assert asked == [{"user": USER, "slug": SLUG}] * 3


async def test_a_refusal_is_not_tried_again_and_a_service_that_stays_busy_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.hub.issuer._PAUSE", 0)
    async with answering(400, 200) as (url, asked):
        with pytest.raises(IssuerError, match="400 busy") as caught:
            await IssuerClient(url, ssl.create_default_context()).bundle(USER, SLUG)
        assert len(asked) == 1
    assert "try again in a minute" in caught.value.jupyterhub_message
    async with answering(*[503] * 6) as (url, asked):
        with pytest.raises(IssuerError, match="503"):
            await IssuerClient(url, ssl.create_default_context()).bundle(USER, SLUG)
        assert len(asked) == 6


async def test_a_service_that_is_away_is_an_error_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.hub.issuer._PAUSE", 0)
    with pytest.raises(IssuerError, match="no credentials for 'ada@example.org' from https://127.0.0.1:1/v1"):
        await IssuerClient("https://127.0.0.1:1", ssl.create_default_context()).bundle(USER, SLUG)
