"""A physicist's analysis: the mass of opposite-charge muon pairs in CMS NanoAOD, over a Dask cluster.

The health check and the end-to-end tests upload this file to a user's home and run it in a notebook; it
imports nothing of this repository.
"""
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import matplotlib.pyplot as plt
from coffea import processor
from coffea.nanoevents import NanoAODSchema
from distributed import Client, Worker, WorkerPlugin

WORKER_DATA = Path("/tmp/data")
CHUNK = 10
"""Events a task: absurdly few, so that forty events still make several tasks."""


class Files(WorkerPlugin):
    """Small files of the notebook, at the same path on every worker, also on those that come later."""

    name = "files"

    def __init__(self, *files: str) -> None:
        self.contents = {Path(file).name: Path(file).read_bytes() for file in files}

    def setup(self, worker: Worker) -> None:
        del worker
        WORKER_DATA.mkdir(exist_ok=True)
        for name, content in self.contents.items():
            (WORKER_DATA / name).write_bytes(content)


class Dimuon(processor.ProcessorABC):
    """Masses (GeV) of all pairs of muons with opposite charge."""

    def process(self, events: Any) -> dict[str, hist.Hist]:
        pairs = ak.combinations(events.Muon, 2, fields=["a", "b"])
        pairs = pairs[pairs.a.charge + pairs.b.charge == 0]
        mass = hist.Hist.new.Reg(60, 0, 120, name="mass", label="dimuon mass [GeV]").Int64()
        mass.fill(ak.flatten((pairs.a + pairs.b).mass))
        return {events.metadata["dataset"]: mass}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def ship(client: Client, files: Mapping[str, str]) -> dict[str, str]:
    """Put files of this notebook's on the workers; return where they are there, by the same names."""
    client.upload_file(__file__)  # the plugin itself
    client.register_plugin(Files(*files.values()))
    return {name: str(WORKER_DATA / Path(file).name) for name, file in files.items()}


def analyse(client: Client, addresses: Mapping[str, str]) -> dict[str, hist.Hist]:
    """Return a histogram a dataset; ``addresses`` maps a dataset to a file that every worker can read."""
    client.upload_file(__file__)
    run = processor.Runner(
        executor=processor.DaskExecutor(client=client, status=False), schema=NanoAODSchema, chunksize=CHUNK
    )
    return run({name: {"files": {file: "Events"}} for name, file in addresses.items()}, Dimuon())


def plot(histograms: Mapping[str, hist.Hist], path: str) -> None:
    """Save the histograms, one over the other, as a picture."""
    figure, axes = plt.subplots()
    for name, mass in histograms.items():
        mass.plot1d(ax=axes, label=name)
    axes.set_ylabel("opposite-charge pairs")
    axes.legend()
    figure.savefig(path)
