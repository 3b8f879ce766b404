# pyright: basic
# Dask and cloudpickle have no types.
"""What a session's Dask scheduler does for workers on HTCondor (distributed.scheduler.preload).

Workers get the user's data token with their job, and it ends long before they do. So the scheduler,
beside which the token is renewed, hands each new one on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import cloudpickle
from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

PAUSE = 5
"""Seconds between looks at the token."""
PORT = 8786
"""Where CoffeaCasaCluster's scheduler listens, and where workers may connect to."""
POOL = "HOST_IP"
"""The variable with the scheduler's name for workers, which sessions have where the facility has a pool.
Elsewhere, as in Dask Gateway, there is nothing to do."""
PLAIN = """
************************************************************************
This Dask scheduler would talk in clear: anybody who reaches it could
run code as you, so it is closed. CoffeaCasaCluster encrypts when it
finds /etc/cmsaf-secrets/ca.pem and hostcert.pem, and without
force_tcp=True. If a file is missing, restart your server; if it
still is, tell the facility's operators.
************************************************************************
"""
# Workers may run another environment, which does not have this module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def write_token(token: str) -> bool:
    """Put a token where this worker's job has its own; tell whether it has one."""
    job, file = os.environ.get("_CONDOR_SCRATCH_DIR"), os.environ.get("BEARER_TOKEN_FILE")
    if not job or not file or Path(job) not in Path(file).parents:
        return False
    new = Path(file).with_name(".token.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(token)
    new.rename(file)
    return True


class TokenRenewal(SchedulerPlugin):
    """Sends the token to workers: to all when it changes, to each when it comes."""

    name = "condor-token-renewal"

    def __init__(self, scheduler: Scheduler, file: Path) -> None:
        self.scheduler, self.file = scheduler, file
        self.token = self._read()
        self.sending: set[asyncio.Future[None]] = set()
        self.watch = asyncio.ensure_future(self._watch())

    def _read(self) -> str:
        return self.file.read_text() if self.file.is_file() else ""

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            if (token := self._read()) not in ("", self.token):
                self.token = token
                await self._send(list(self.scheduler.workers))

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        # Its job may have waited in the queue for longer than the token lives. Not waited for here:
        # the worker does nothing else until it has been added.
        self.token = self._read() or self.token
        sending = asyncio.ensure_future(self._send([worker]))
        self.sending.add(sending)
        sending.add_done_callback(self.sending.discard)

    async def _send(self, workers: list[str]) -> None:
        if self.token and workers:
            told = {
                "op": "run",
                "function": cloudpickle.dumps(write_token),
                "args": cloudpickle.dumps((self.token,)),
                "wait": True,
            }
            await self.scheduler.broadcast(msg=told, workers=workers, on_error="ignore")

    async def close(self) -> None:
        self.watch.cancel()


def is_open(address: str) -> bool:
    """Tell whether a scheduler's address is in clear and not for its own machine alone."""
    parts = urlsplit(address)
    return parts.scheme in ("tcp", "ws") and parts.hostname not in ("127.0.0.1", "::1", "localhost")


async def dask_setup(scheduler: Scheduler) -> None:
    """Start with the scheduler."""
    if POOL not in os.environ:
        return
    addresses = [str(listener.contact_address) for listener in scheduler.listeners]
    if any(is_open(address) for address in addresses):
        print(PLAIN, file=sys.stderr, flush=True)
        await scheduler.close(reason="no encryption")
        return
    if not any(urlsplit(address).port == PORT for address in addresses):
        return
    if shutil.which("condor_submit") is None:
        print(
            "condor_submit is not on PATH: CoffeaCasaCluster will get no workers.",
            file=sys.stderr,
            flush=True,
        )
    if file := os.environ.get("BEARER_TOKEN_FILE"):
        scheduler.add_plugin(TokenRenewal(scheduler, Path(file)))
