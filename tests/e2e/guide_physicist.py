"""The physicists' guide, typed as it stands there: each block in one kernel, in the guide's order.

PHYSLITE is left out, for no file of that kind is here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from local import origin, samples
from tests.e2e.condor import slug
from tests.e2e.download import DOMAIN, saved
from tests.e2e.facility import Facility, pods, wait_for
from tests.e2e.outside import computer
from tests.e2e.person import Person
from tests.e2e.samples import branch
from tests.e2e.server import Server
from tests.guides import ROOT, commands, under

GUIDE = ROOT / "docs" / "physicist.md"
FILE = "nano_dimuon.root"
SIZE = f"""
import os
def size(dask_worker):
    return os.path.getsize(os.path.join(dask_worker.local_directory, {FILE!r}))
"""
CONDOR_Q = """
import subprocess
queue = subprocess.run(["condor_q", "-af", "Owner", "JobStatus"], capture_output=True, text=True).stdout
"""


def typed(heading: str, number: int = 0) -> str:
    """Return a block of the guide."""
    return under(GUIDE, heading, "python")[number]


@pytest.fixture(scope="module")
def kernel(notebook: Server) -> Iterator[Server]:
    """A new notebook of the first user's, and the sample dragged into the list of files."""
    notebook.upload(samples.fetch()[FILE])
    server = notebook.account.start_kernel()
    yield server
    server.account.request("DELETE", f"{server.path}api/kernels/{server.kernel}")


def test_the_first_histogram_has_every_muon(kernel: Server) -> None:
    kernel.run(typed("The first histogram"), seconds=120)
    pt = np.concatenate(list(branch(samples.fetch()[FILE], "Muon_pt")))
    expected, _ = np.histogram(pt, bins=50, range=(0, 100))
    assert expected.sum() > 0
    assert kernel.value("", "h.values().astype(int).tolist()") == expected.tolist()


def test_scaling_out_gives_workers_that_have_the_file(kernel: Server) -> None:
    kernel.run(typed("Scale out"), seconds=300)
    kernel.run("client.wait_for_workers(4, timeout=180)", seconds=200)
    kernel.run(typed("Scale out", 1), seconds=60)
    sizes = kernel.value(SIZE, "list(client.run(size).values())")
    assert sizes == [samples.fetch()[FILE].stat().st_size] * 4
    kernel.run("client.close(); cluster.shutdown()", seconds=60)
    wait_for("the end of every worker", lambda: not pods("dask-worker"), 60)


def test_htcondor_gives_workers_and_their_logs(kernel: Server) -> None:
    kernel.run(typed("On HTCondor"), seconds=120)
    kernel.run("client.wait_for_workers(4, timeout=240)", seconds=260)
    running = 2
    assert kernel.value(CONDOR_Q, "queue").splitlines() == [f"{slug(kernel)} {running}"] * 4
    kernel.run("client.close(); cluster.close()", seconds=60)


def test_data_comes_through_the_cache(kernel: Server) -> None:
    block = typed("Data from far away")
    (line,) = [line for line in block.splitlines() if line.startswith("sample = ")]
    # That file is at CERN; this machine's own origin has a smaller one elsewhere.
    kernel.run(block.replace(line, f"sample = '{origin.FOLDER}/{FILE}'"), seconds=120)
    muons = branch(samples.fetch()[FILE], "nMuon")
    assert kernel.value("", "tree['nMuon'].array().to_list()") == muons.tolist()
    assert kernel.value("", "tree.file.file_path").startswith("root://xcache")


def test_a_laptop_computes_at_the_facility(
    kernel: Server, person: Person, facility: Facility, tmp_path: Path
) -> None:
    kernel.run(typed("From your laptop"), seconds=120)
    file = saved(person, facility, tmp_path)
    (console,) = under(GUIDE, "From your laptop", "console")
    script = "; ".join(
        ("set -e", f"cd {tmp_path}", f"PATH={Path(sys.executable).parent}:$PATH", *commands(console))
    )
    with computer(tmp_path, f"{file.stem.removeprefix('dask-')}.{DOMAIN}") as laptop:
        done = laptop.run("bash", "-c", script)
    assert done.returncode == 0, done.stderr
    # What the guide shows; only the address and sizes are others.
    shown = [line.split("...")[0] for line in console.splitlines() if not line.startswith("$ ")]
    for line in shown:
        assert line in done.stdout, done.stdout
    kernel.run("cluster.close()", seconds=60)
