"""What is in the samples, by plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import uproot


def branch(file: Path, name: str) -> Any:
    """Return a branch of the events as numpy has it: one array an event where their lengths differ."""
    return cast(Any, uproot).open(file)["Events"][name].array(library="np")


def dimuon_counts(file: Path) -> list[int]:
    """Return the counts of opposite-charge pairs in 60 bins of mass from 0 to 120 GeV.

    Four-vectors by hand, E^2 = m^2 + p^2, in float64: no coffea, awkward or vector.
    """
    names = [f"Muon_{name}" for name in ("pt", "eta", "phi", "mass", "charge")]
    columns = cast(Any, uproot).open(file)["Events"].arrays(names, library="np")
    masses: list[float] = []
    for event in zip(*(columns[name] for name in names), strict=True):
        pt, eta, phi, mass, charge = (np.asarray(column, dtype=float) for column in event)
        momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
        energy = np.sqrt(mass**2 + (momentum**2).sum(axis=0))
        first, second = np.triu_indices(len(pt), k=1)
        opposite = charge[first] * charge[second] < 0
        total_energy = (energy[first] + energy[second])[opposite]
        total_momentum = (momentum[:, first] + momentum[:, second])[:, opposite]
        masses.extend(np.sqrt(total_energy**2 - (total_momentum**2).sum(axis=0)))
    return np.histogram(masses, bins=60, range=(0, 120))[0].tolist()
