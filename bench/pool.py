"""What HTCondor costs: workers of CoffeaCasaCluster against jobs that do nothing, and events a second against
processes in the notebook itself.

    python -m bench.pool [--runs N]

Needs the facility up with the users of the end-to-end tests, and gives it a pool of 32 slots for a while.
Prints seconds from ``scale(N)`` to N workers and from ``condor_submit`` to N running jobs, and events a
second of one analysis of one file, read through the cache by four workers of each kind.
"""

from __future__ import annotations

import argparse
import statistics
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from bench.table import row, title
from local import origin
from tests.e2e import facility as operator
from tests.e2e.browser import chromium
from tests.e2e.changes import changed
from tests.e2e.person import meet
from tests.e2e.server import ANALYSIS, Account, Server

SLOTS = (1, 8, 32)
# As many slots as that, with less memory than a site would give them; HTCondor gives 128 MiB at a time.
POOL = {
    "nodes": {"count": 2, "cores": 16, "coresRequest": 0.1, "memory": "6656Mi", "scratch": "9Gi"},
    "worker": {"cores": 1, "memory": "384Mi", "disk": "256Mi"},
}
# Of a name of its own: the cache knows files of earlier runs.
FILE = f"bench-{uuid.uuid4().hex}.root"
EVENTS = 400_000
TOOLS = """
import subprocess, time
from coffea_casa import CoffeaCasaCluster
from distributed import Client

def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout

def sleepers(count):
    lines = {"executable": "/bin/sleep", "transfer_executable": "False", "arguments": "600",
             "request_memory": "64", "request_disk": "1024"}
    with open("sleep.sub", "w") as file:
        file.write("".join(f"{key} = {value}\\n" for key, value in lines.items()) + f"queue {count}\\n")
    start = time.monotonic()
    cluster = run("condor_submit", "-spool", "sleep.sub").split("cluster ")[1].split(".")[0]
    running = ["condor_q", cluster, "-constraint", "JobStatus == 2", "-af", "ProcId"]
    while len(run(*running).split()) < count:
        time.sleep(0.1)
    seconds = time.monotonic() - start
    run("condor_rm", cluster)
    while run("condor_q", cluster, "-constraint", "JobStatus < 4 || JobStatus == 5", "-af", "ProcId").split():
        time.sleep(0.2)
    return seconds

def workers(count):
    start = time.monotonic()
    pool.scale(count)
    client.wait_for_workers(count, timeout=600)
    seconds = time.monotonic() - start
    pool.scale(0)
    while run("condor_q", "-constraint", "JobStatus < 3", "-af", "ClusterId").split():
        time.sleep(0.2)
    # For 15 s (distributed.deploy.lost-worker-timeout) Dask ends new workers that have an old one's name.
    time.sleep(16)
    return seconds
"""
CLUSTER = """
pool = CoffeaCasaCluster()
client = Client("tls://localhost:8786")
"""
WRITE = f"""
import awkward as ak, numpy as np, uproot

rng = np.random.default_rng(1)
counts = rng.integers(0, 5, {EVENTS})
total = int(counts.sum())
columns = {{
    "pt": rng.exponential(30, total),
    "eta": rng.normal(0, 1, total),
    "phi": rng.uniform(-3, 3, total),
    "mass": np.full(total, 0.1057),
}}
muons = {{name: ak.unflatten(values.astype("f4"), counts) for name, values in columns.items()}}
muons["charge"] = ak.unflatten(rng.choice([-1, 1], total).astype("i4"), counts)
events = {{"Muon": ak.zip(muons), "run": np.ones({EVENTS}, "i4"),
          "luminosityBlock": np.ones({EVENTS}, "i4"), "event": np.arange({EVENTS})}}
with uproot.recreate({FILE!r}) as file:
    # A TTree, as NanoAOD is; by itself uproot writes an RNTuple.
    kinds = {{name: values.type if name == "Muon" else values.dtype for name, values in events.items()}}
    file.mktree("Events", kinds).extend(events)
"""
ANALYSE = f"""
import re

with open("dimuon.py") as file:
    text = file.read()
# In the file: the client has the module read anew where it sends it to workers.
with open("dimuon.py", "w") as file:
    file.write(re.sub(r"(?m)^CHUNK = .*", "CHUNK = {EVENTS // 16}", text))
import sys, xcache

def seconds(client):
    # The last cluster's scheduler, in this kernel, has it from a directory of its own, which went with it.
    sys.modules.pop("dimuon", None)
    import dimuon
    client.wait_for_workers(4, timeout=300)
    files = {{"bench": xcache.url("{origin.FOLDER}/{FILE}")}}
    dimuon.analyse(client, files)
    start = time.monotonic()
    dimuon.analyse(client, files)
    return time.monotonic() - start
"""
# A worker of 384 MiB would have Dask stop in the middle to write its data to disk.
LOCAL = """
from distributed import LocalCluster
with LocalCluster(n_workers=4, threads_per_worker=1, memory_limit="1 GiB") as own, Client(own) as mine:
    taken = seconds(mine)
"""
WORKERS = """
with CoffeaCasaCluster(memory="1 GiB") as larger, Client(larger) as theirs:
    larger.scale(4)
    taken = seconds(theirs)
"""


@contextmanager
def at_the_origin(kernel: Server) -> Iterator[None]:
    """Have a file of made-up events where the cache finds it."""
    kernel.run(WRITE, seconds=300)
    place = origin.data() / origin.FOLDER.lstrip("/") / FILE
    place.write_bytes(kernel.download(FILE))
    try:
        yield
    finally:
        place.unlink()


def measure(account: Account, runs: int) -> dict[str, list[float]]:
    """Return the figures of every run by what was done."""
    kernel = account.start_kernel()
    kernel.run(TOOLS, seconds=300)
    kernel.upload(ANALYSIS)
    kernel.run(ANALYSE)
    found: dict[str, list[float]] = {}

    def note(what: str, value: float) -> None:
        found.setdefault(what, []).append(value)
        print(f"run {len(found[what])} of {runs}, {what}: {value:.1f}", flush=True)

    with at_the_origin(kernel):
        for _ in range(runs):
            # A session has one at a time.
            kernel.run(CLUSTER, seconds=300)
            for count in SLOTS:
                for what in ("sleepers", "workers"):
                    note(f"{what} {count} (s)", kernel.value("", f"{what}({count})", seconds=900))
            kernel.run("client.close(); pool.close()")
            for where, code in (("processes", LOCAL), ("pool", WORKERS)):
                taken = kernel.value(code, "taken", seconds=600)
                note(f"events/s, 4 in {where}", EVENTS / taken)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What HTCondor costs.")
    parser.add_argument("--runs", type=int, default=3)
    runs: int = parser.parse_args().runs
    facility = operator.facility()
    with chromium(facility.ca_file) as browser:
        account = meet(browser, facility, facility.first_user).account
    with changed(pool=POOL):
        account.start_server()
        try:
            figures = measure(account, runs)
        finally:
            account.stop_server()
    print(title(f"{runs} runs"))
    for what, values in figures.items():
        print(row(what, values, 1))
    pairs = [(f"workers {count} (s)", f"sleepers {count} (s)") for count in SLOTS]
    for first, second in (*pairs, ("events/s, 4 in pool", "events/s, 4 in processes")):
        ratio = statistics.median(figures[first]) / statistics.median(figures[second])
        print(f"{first} / {second}: {ratio:.2f}")


if __name__ == "__main__":
    main()
