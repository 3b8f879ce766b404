"""Real collisions through a Dask cluster, checked against a calculation that shares no code with it."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import pytest

from local import samples
from tests.e2e.facility import STACK, kubectl, pod_name, pods, wait_for
from tests.e2e.samples import dimuon_counts
from tests.e2e.server import ANALYSIS, KernelError, Server

ANALYSE = """
import time, warnings, matplotlib
matplotlib.use("agg")
warnings.simplefilter("ignore")
import dimuon

start = time.monotonic()
files = dimuon.ship(client, {"dimuon": "nano_dimuon.root", "dy": "nano_dy.root"})
histograms = dimuon.analyse(client, files)
seconds = time.monotonic() - start
dimuon.plot(histograms, "dimuon.png")
counts = {name: histogram.values().astype(int).tolist() for name, histogram in histograms.items()}
"""


@pytest.fixture(scope="module")
def counts(notebook: Server, cluster: str, figures: dict[str, Any]) -> dict[str, list[int]]:
    """Counts of the analysis, run in the notebook on the workers."""
    assert cluster
    files = samples.fetch()
    for file in (ANALYSIS, *files.values()):
        notebook.upload(file)
    found = notebook.value(ANALYSE, "[counts, seconds]", seconds=600)
    figures["dimuon analysis on 2 workers (s)"] = round(found[1], 1)
    return found[0]


def test_the_kernel_reports_errors(notebook: Server) -> None:
    with pytest.raises(KernelError, match="ZeroDivisionError"):
        notebook.run("1 / 0")


CRASH = """
import os

def crash_of_this_test():
    os.abort()

crash_of_this_test()
"""


def test_a_kernel_that_crashes_says_where_in_its_sessions_log(notebook: Server) -> None:
    account = notebook.account
    kernel = account.start_kernel()
    with pytest.raises(KernelError, match="has died"):
        kernel.run(CRASH)
    log = ("logs", pod_name("session", account.user), "--container=notebook", "--tail=300")
    wait_for("the crash", lambda: "Fatal Python error: Aborted" in kubectl(*log).stdout, 10)
    assert "in crash_of_this_test" in kubectl(*log).stdout
    assert account.request("DELETE", f"{notebook.path}api/kernels/{kernel.kernel}").status_code == 204


COLLECTED = """
import asyncio, dask_gateway
forgotten = dask_gateway.Gateway(loop=gateway.loop)
assert forgotten.list_clusters()

async def collect():
    forgotten.close()

asyncio.run_coroutine_threadsafe(collect(), forgotten.loop.asyncio_loop).result(20)
"""


def test_a_forgotten_gateway_may_be_collected_on_its_own_loop(notebook: Server, cluster: str) -> None:
    assert cluster
    notebook.run(COLLECTED, seconds=60)
    assert notebook.value("", "len(gateway.list_clusters())") == 1


def test_workers_and_scheduler_are_pods_of_their_own(cluster: str) -> None:
    assert len(pods("dask-worker")) == 2
    assert pod_name("dask-scheduler") == f"dask-scheduler-{cluster.split('.')[1]}"


def test_the_clients_connection_is_encrypted(notebook: Server, cluster: str) -> None:
    assert notebook.value("", "client.scheduler.address") == f"gateway://dask-router:8786/{cluster}"
    cipher = notebook.value("", "client.scheduler_comm.comm.stream.socket.cipher()")
    assert cipher[1] == "TLSv1.3", cipher


@pytest.mark.parametrize(("dataset", "file"), [("dimuon", "nano_dimuon.root"), ("dy", "nano_dy.root")])
def test_the_histogram_equals_an_independent_calculation(
    dataset: str, file: str, counts: dict[str, list[int]]
) -> None:
    expected = dimuon_counts(samples.fetch()[file])
    assert sum(expected) > 0
    assert counts[dataset] == expected


def test_the_plot_is_a_picture_with_something_in_it(notebook: Server, counts: dict[str, list[int]]) -> None:
    assert counts
    width, height, lines = picture(notebook.download("dimuon.png"))
    assert width >= 400 and height >= 300
    # A blank page has one kind of line, empty axes a handful.
    assert lines > 50


def test_memory_of_each_pod_is_measured(cluster: str, figures: dict[str, Any]) -> None:
    assert cluster
    wanted = {pod["metadata"]["name"] for pod in pods()}
    (node,) = json.loads(kubectl("get", "nodes", "--output=json").stdout)["items"]
    path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"

    def measured() -> dict[str, int] | None:
        summary = json.loads(kubectl("get", "--raw", path).stdout)
        memory = {
            pod["podRef"]["name"]: round(pod["memory"]["workingSetBytes"] / 2**20)
            for pod in summary["pods"]
            if pod["podRef"]["namespace"] == STACK and "workingSetBytes" in pod.get("memory", {})
        }
        return memory if all(memory.get(name) for name in wanted) else None

    # The kubelet measures a new pod only after some seconds.
    memory = wait_for("a measurement of every pod", measured, 90)
    figures["memory of pods (MiB)"] = dict(sorted(memory.items()))
    assert set(memory) >= wanted


def picture(png: bytes) -> tuple[int, int, int]:
    """Return a PNG's width and height (pixels) and how many different lines it has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    pixels = zlib.decompress(data)
    stride = len(pixels) // height
    return (width, height, len({pixels[line * stride : (line + 1) * stride] for line in range(height)}))
