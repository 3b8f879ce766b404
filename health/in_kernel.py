"""What the health check runs in a notebook: uploaded to the home beside dimuon.py, and taken away again."""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any

import awkward as ak
import dimuon
import matplotlib
import uproot
from dask_gateway import Gateway
from distributed import Client

matplotlib.use("agg")
warnings.simplefilter("ignore")

FILE = Path("/tmp/health.root")
EVENTS = 40
"""Four tasks of ``dimuon.CHUNK`` events."""
MOMENTUM = 45.6
"""GeV: two muons back to back weigh twice as much, a Z boson's mass."""
_held: dict[str, Any] = {}


def write_events() -> None:
    """Write NanoAOD of a pair of muons an event, and every other time a third one, a twin of the first."""
    third = [[MOMENTUM, 0.0, 0.0, 0.0, 1]]
    muons = [
        [[MOMENTUM, 0.0, 0.0, 0.0, 1], [MOMENTUM, 0.0, 3.14159265, 0.0, -1], *(third if number % 2 else [])]
        for number in range(EVENTS)
    ]
    columns = {
        name: ak.Array([[muon[index] for muon in event] for event in muons])
        for index, name in enumerate(("pt", "eta", "phi", "mass", "charge"))
    }
    numbers = ak.Array(list(range(EVENTS)))
    branches = {"event": numbers, "run": numbers, "luminosityBlock": numbers, "Muon": ak.zip(columns)}
    with uproot.recreate(FILE) as file:
        # Said to be a TTree: what is assigned becomes an RNTuple with uproot's later releases.
        tree = file.mktree("Events", {name: branch.type.content for name, branch in branches.items()})
        tree.extend(branches)


def start_cluster() -> str:
    """Start a Dask cluster with one worker and wait for both; return its name."""
    _held["cluster"] = cluster = Gateway().new_cluster()
    cluster.scale(1)
    _held["client"] = client = cluster.get_client()
    client.wait_for_workers(1, timeout=300)
    return str(cluster.name)


def pairs(client: Client, addresses: dict[str, str]) -> list[int]:
    """Return how many opposite-charge pairs there are in all, and how many of them weigh 90 to 92 GeV."""
    (mass,) = dimuon.analyse(client, addresses).values()
    counts = mass.values()
    return [int(counts.sum()), int(counts[45])]


def known(client: Client) -> list[int]:
    """Analyse events whose answer is known."""
    write_events()
    return pairs(client, dimuon.ship(client, {"health": str(FILE)}))


def over_dask() -> list[int]:
    """Analyse them on the gateway's cluster."""
    return known(_held["client"])


def over_condor() -> list[int]:
    """Analyse them on one worker that is a job of HTCondor's, as users start it, and end it."""
    # There is no need of it, nor of what it reads at its import, where there is no pool.
    from coffea_casa import CoffeaCasaCluster

    pool = CoffeaCasaCluster()
    try:
        pool.scale(1)
        with Client("tls://localhost:8786") as client:
            client.wait_for_workers(1, timeout=300)
            return known(client)
    finally:
        pool.close()


def jobs() -> list[str]:
    """Return the user's jobs that wait, run or are held."""
    query = ["condor_q", "-constraint", "JobStatus < 3 || JobStatus == 5", "-af", "ClusterId"]
    return subprocess.run(query, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout.split()


def expected() -> list[int]:
    """Return the known answer: of three muons the third makes a pair with the second, of the same mass."""
    number = EVENTS + EVENTS // 2
    return [number, number]


def through_cache(file: str) -> list[int]:
    """Analyse a file of the origin's."""
    import xcache

    return pairs(_held["client"], {"health": xcache.url(file)})


def cache_answers() -> str:
    """Ask the cache whether it is there; return what is wrong, or nothing."""
    import os

    from XRootD import client

    status, _ = client.FileSystem(f"root://{os.environ['XCACHE_HOST']}").ping(timeout=30)
    return "" if status.ok else str(status.message)


def clean_up() -> None:
    """End the cluster and take away what was uploaded."""
    if client := _held.pop("client", None):
        client.close()
    if cluster := _held.pop("cluster", None):
        cluster.shutdown()
    for file in (FILE, Path(__file__), Path(dimuon.__file__)):
        file.unlink(missing_ok=True)
