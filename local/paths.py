"""Where the one-machine environment keeps things; every other file of this room asks here."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's root."""

SHORT = Path("/run/coffea-casa")
"""Sockets and what a reboot may forget: paths short enough for a socket's name (107 bytes)."""


def cache() -> Path:
    """Return the directory for downloads and builds: COFFEA_CASA_CACHE, or the user's own."""
    return Path(os.environ.get("COFFEA_CASA_CACHE") or Path.home() / ".cache" / "coffea-casa")


def state() -> Path:
    """Return the directory for the cluster's data, the Pulumi backend, its passphrase and the logs.

    COFFEA_CASA_STATE, or the user's own.
    """
    return Path(os.environ.get("COFFEA_CASA_STATE") or Path.home() / ".local" / "state" / "coffea-casa")


def log(step: str) -> Path:
    """Return the log of a step, whose directory exists."""
    file = state() / "logs" / f"{step}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def private_directory(path: Path) -> Path:
    """Return the directory, made if need be, that only its owner may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path
