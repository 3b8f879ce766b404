"""The credential service without a cluster: how fast it signs, and how long the hub's loop stands still.

    python -m bench.hub_loop [--bundles N] [--starts N] [--runs N]

Starts two services on loopback, as a facility has them, and asks with the hub's own client over mutual TLS;
all share this machine's cores. Prints the waits of ``--bundles`` requests at once, with a client each. Then
one client fetches bundles for ``--starts`` servers at once, as the hub does: prints the longest block of its
event loop, beside that of a loop with nothing to do.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.table import row, title
from services.credentials.server import RATE, Addresses, serving
from services.credentials.settings import Places
from services.hub.issuer import IssuerClient, tls_context
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import SETTINGS
from tests.unit.credentials.running import HUB, deploy

SERVICES = 2
TICK = 0.001
"""Seconds between two looks at the loop; a block is what comes on top."""


def serve(places: Places, told: Connection) -> None:
    """Serve for ever; tell the API's port."""
    # The audit trail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def forever() -> None:
        async with serving(places, Addresses("127.0.0.1", 0, 0)) as addresses:
            told.send(addresses.api_port)
            await asyncio.Event().wait()

    asyncio.run(forever())


@contextmanager
def services(places: Places) -> Iterator[list[str]]:
    """Give the URLs of services, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(SERVICES)]
    processes = [context.Process(target=serve, args=(places, told), daemon=True) for _, told in pipes]
    for process in processes:
        process.start()
    try:
        yield [f"https://127.0.0.1:{heard.recv()}" for heard, _ in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def hub(directory: Path, ca: Ca) -> ssl.SSLContext:
    """Return the hub's side of TLS."""
    leaf = ca.leaf(HUB, "client_auth")
    (directory / "tls.crt").write_text(leaf.chain)
    (directory / "tls.key").write_text(leaf.key)
    (directory / "ca.pem").write_text(ca.pem)
    return tls_context(directory / "ca.pem", directory)


async def waited(request: Awaitable[object]) -> float:
    """Return the seconds that a request takes from now on."""
    start = time.perf_counter()
    await request
    return time.perf_counter() - start


async def longest_block(work: Awaitable[object]) -> float:
    """Return the seconds that the event loop stood still at the longest while it did some work."""
    blocks: list[float] = []

    async def watch() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(TICK)
            blocks.append(time.perf_counter() - start - TICK)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(10 * TICK)
    await work
    watching.cancel()
    return max(blocks)


@dataclass(frozen=True)
class Run:
    """Seconds, once."""

    waits: Sequence[float]
    whole: float
    idle: float
    block: float


async def run(urls: Sequence[str], context: ssl.SSLContext, bundles: int, starts: int) -> Run:
    """Ask for all of it once."""
    turns = itertools.cycle(urls)
    # Each for itself: the hub's own client asks for a few at a time.
    requests = [IssuerClient(next(turns), context).bundle(f"bench{n}", f"bench{n}") for n in range(bundles)]
    start = time.perf_counter()
    waits = await asyncio.gather(*map(waited, requests))
    whole = time.perf_counter() - start
    idle = await longest_block(asyncio.sleep(1))
    client = IssuerClient(next(turns), context)
    block = await longest_block(
        asyncio.gather(*(client.bundle(f"bench{n}", f"bench{n}") for n in range(starts)))
    )
    return Run(sorted(waits), whole, idle, block)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The credential service without a cluster.")
    parser.add_argument("--bundles", type=int, default=100)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    bundles: int = options.bundles
    starts: int = options.starts
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as directory:
        ca = Ca()
        context = hub(Path(directory), ca)
        with services(deploy(Path(directory), ca, SETTINGS)) as urls:
            asyncio.run(run(urls, context, SERVICES, SERVICES))  # The first answers of a process are slower.
            for _ in range(options.runs):
                runs.append(asyncio.run(run(urls, context, bundles, starts)))
                time.sleep((bundles + starts) / RATE)
    print(title(f"{bundles} at once, {len(runs)} runs (ms)"))
    print(row("p50", [1000 * one.waits[bundles // 2] for one in runs]))
    print(row("p99", [1000 * one.waits[(bundles * 99 - 1) // 100] for one in runs]))
    print(row("longest wait", [1000 * one.waits[-1] for one in runs]))
    print(row("bundles a second", [bundles / one.whole for one in runs]))
    print(row("longest block, nothing to do", [1000 * one.idle for one in runs], 1))
    print(row(f"longest block, {starts} servers start", [1000 * one.block for one in runs], 1))


if __name__ == "__main__":
    main()
