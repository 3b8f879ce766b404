"""Real CMS events, from coffea's source distribution, and what is in them by plain numpy."""

from __future__ import annotations

import hashlib
import sys
import tarfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import uproot

from tests.e2e.facility import CACHE, run

VERSION = "2026.9.0"
SHA256 = {
    "nano_dimuon.root": "eac7c0a973e054e890766ec4c61ca784d3d49e4f82ec0c8b9dfbe55c233297a9",
    "nano_dy.root": "159b17b34b4d13ea4960d36fb9b01f2a505cc1a5a8de0fb3cfa185154543c81c",
}


def fetch() -> dict[str, Path]:
    """Return the files by name, downloaded once and checked every time."""
    directory = CACHE / "e2e"
    if not all((directory / name).exists() for name in SHA256):
        directory.mkdir(parents=True, exist_ok=True)
        source = ["--no-deps", "--no-binary=:all:", f"--dest={directory}", f"coffea=={VERSION}"]
        run(sys.executable, "-m", "pip", "download", *source)
        _unpack(directory / f"coffea-{VERSION}.tar.gz", directory)
    for name, expected in SHA256.items():
        found = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        assert found == expected, f"{directory / name} is not the file of coffea {VERSION}: SHA-256 {found}"
    return {name: directory / name for name in SHA256}


def _unpack(archive: Path, directory: Path) -> None:
    with tarfile.open(archive) as content:
        for name in SHA256:
            member = content.extractfile(f"coffea-{VERSION}/tests/samples/{name}")
            assert member
            (directory / name).write_bytes(member.read())


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
