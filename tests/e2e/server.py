"""What the end-to-end tests run in notebooks; how they get there is the health check's own way."""

from __future__ import annotations

from health.account import Account, KernelError, Server
from tests.e2e.facility import ROOT

__all__ = ["ANALYSIS", "NEW_CLUSTER", "Account", "KernelError", "Server"]

ANALYSIS = ROOT / "health" / "dimuon.py"
"""The analysis, to be uploaded to a home."""

NEW_CLUSTER = """
import time
from dask_gateway import Gateway

start = time.monotonic()
gateway = Gateway()
cluster = gateway.new_cluster()
started = time.monotonic()
cluster.scale(2)
client = cluster.get_client()
client.wait_for_workers(2, timeout=300)
times = [started - start, time.monotonic() - start]
"""
"""Code for a kernel: a Dask cluster with two workers, and how long it took to start and to be ready."""
