"""How long the hub waits for users' credentials when many are asked for at once.

    python -m bench.minting [--bundles N] [--runs N]

Needs the facility up. Asks from the hub's own pod, with its own client and certificate, the two pods of the
credential service; each request has a connection of its own. Prints milliseconds, and how long the asking
event loop stood still at the longest.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from bench.table import row, title
from tests.e2e.facility import kubectl

PROGRAM = """
import asyncio, json, sys, time
from services.hub.issuer import IssuerClient, tls_context

async def one(context, number):
    start = time.perf_counter()
    # Each for itself: the hub's own client asks for no more than 16 at a time.
    await IssuerClient("https://credentials:8443", context).bundle(f"bench{number}", f"bench{number}")
    return time.perf_counter() - start

async def watch(blocks):
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        blocks.append(now - last - 0.001)
        last = now

async def main(count):
    context, blocks = tls_context(), []
    watching = asyncio.ensure_future(watch(blocks))
    await asyncio.sleep(0.1)
    start = time.perf_counter()
    waits = await asyncio.gather(*(one(context, number) for number in range(count)))
    seconds = time.perf_counter() - start
    watching.cancel()
    print(json.dumps({"waits": sorted(waits), "seconds": seconds, "block": max(blocks)}))

asyncio.run(main(int(sys.argv[1])))
"""
_REFILL = 20
"""Bundles a second that the service gives in the long run (services/credentials/server.py, RATE)."""


def ask(bundles: int) -> dict[str, Any]:
    """Ask for so many at once; return the waits in seconds, sorted, and the rest."""
    command = ("exec", "--quiet", "deployment/hub", "--", "python", "-c", PROGRAM, str(bundles))
    return json.loads(kubectl(*command).stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Waits for credentials, many at once.")
    parser.add_argument("--bundles", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    bundles: int = options.bundles
    single = ask(1)["waits"][0]
    runs: list[dict[str, Any]] = []
    for _ in range(options.runs):
        runs.append(ask(bundles))
        time.sleep(bundles / _REFILL + 1)
    print(title(f"{bundles} at once, {options.runs} runs (ms)"))
    print(row("one alone", [1000 * single]))
    print(row("p50", [1000 * run["waits"][bundles // 2] for run in runs]))
    print(row("p99", [1000 * run["waits"][bundles * 99 // 100] for run in runs]))
    print(row("all", [1000 * run["seconds"] for run in runs]))
    print(row("longest block of the asking loop", [1000 * run["block"] for run in runs]))


if __name__ == "__main__":
    main()
