"""The issuer: its API and its discovery documents on two TLS ports.

Run as ``python -m services.credentials.server``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from services.credentials import api, discovery, tls
from services.credentials.authority import Authority
from services.credentials.bundle import Mint
from services.credentials.gate import Gate
from services.credentials.idtoken import PoolKey
from services.credentials.keys import AssertionKey, SigningKey, load_public, thumbprint
from services.credentials.settings import Places, SettingsError, load, read

API_PORT = 8443
DISCOVERY_PORT = 8444
RATE, BURST, AT_ONCE = 20, 256, 256
"""Bundles a second, after a pause, and at once: every server that a hub can start at a time at once."""
_THREADS = 2
_LINGER = 3
"""Seconds to go on answering after the order to stop, until callers have heard that this pod ends."""


@dataclass(frozen=True)
class Addresses:
    """Where the two servers listen; port 0 lets the system choose."""

    host: str = "0.0.0.0"
    api_port: int = API_PORT
    discovery_port: int = DISCOVERY_PORT


def applications(places: Places, executor: ThreadPoolExecutor) -> tuple[web.Application, web.Application]:
    """Return the API and the discovery documents. Raises SettingsError for files that do not fit together."""
    settings = load(places)
    try:
        authority = Authority.load(read(places.settings / "ca.pem"), read(places.keys / "ca.key"))
        signing = SigningKey.load(read(places.keys / "signing.key"))
        pool_key = PoolKey.load(read(places.keys / "pool.key")) if settings.pool else None
        assertion_key = (
            AssertionKey.load(read(places.keys / "assertion.key")) if settings.assertions else None
        )
        published = [load_public(read(file)) for file in sorted(places.settings.glob("published-*.pem"))]
    except (TypeError, ValueError) as error:
        raise SettingsError(f"keys: {error}") from error
    signers = [signing.kid, *([assertion_key.kid] if assertion_key else [])]
    if not set(signers) <= {thumbprint(key) for key in published}:
        raise SettingsError("keys: a signing key is not published, so nobody could check its tokens")
    gate = Gate(rate=RATE, burst=BURST, at_once=AT_ONCE)
    return (
        api.application(Mint(settings, authority, signing, pool_key, assertion_key), gate, executor),
        discovery.application(settings.issuer, published),
    )


@asynccontextmanager
async def serving(places: Places, addresses: Addresses) -> AsyncGenerator[Addresses]:
    """Serve while the block runs, which is given the addresses with their real ports."""
    certificate, key = places.tls / "tls.crt", places.tls / "tls.key"
    private = tls.private_context(certificate, key, places.settings / "ca.pem")
    public = tls.public_context(certificate, key)
    with ThreadPoolExecutor(_THREADS) as executor:
        runners = [web.AppRunner(app, access_log=None) for app in applications(places, executor)]
        try:
            for runner, port, context in zip(
                runners,
                (addresses.api_port, addresses.discovery_port),
                (private, public),
                strict=True,
            ):
                await runner.setup()
                await web.TCPSite(runner, addresses.host, port, ssl_context=context).start()
            yield Addresses(addresses.host, *(runner.addresses[0][1] for runner in runners))
        finally:
            for runner in runners:
                await runner.cleanup()


async def main(addresses: Addresses) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(Places.of_environment(), addresses):
        await stop.wait()
        await asyncio.sleep(_LINGER)


if __name__ == "__main__":
    try:
        asyncio.run(main(Addresses()))
    except SettingsError as error:
        sys.exit(f"error: {error}")
