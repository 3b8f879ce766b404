"""A physicist's analysis: the mass of opposite-charge muon pairs in CMS NanoAOD, over a Dask cluster.

The end-to-end tests upload this file to a user's home and run it in a notebook; it
imports nothing of this repository.
"""
# pyright: reportMissingImports=false

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


def analyse(client: Client, files: Mapping[str, str]) -> dict[str, hist.Hist]:
    """Return a histogram a dataset; ``files`` maps a dataset to a file of this notebook's."""
    client.upload_file(__file__)
    client.register_plugin(Files(*files.values()))
    run = processor.Runner(
        executor=processor.DaskExecutor(client=client, status=False), schema=NanoAODSchema, chunksize=CHUNK
    )
    at_workers = {
        name: {"files": {str(WORKER_DATA / Path(file).name): "Events"}} for name, file in files.items()
    }
    return run(at_workers, Dimuon())


def plot(histograms: Mapping[str, hist.Hist], path: str) -> None:
    """Save the histograms, one over the other, as a picture."""
    figure, axes = plt.subplots()
    for name, mass in histograms.items():
        mass.plot1d(ax=axes, label=name)
    axes.set_ylabel("opposite-charge pairs")
    axes.legend()
    figure.savefig(path)
