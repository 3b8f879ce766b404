"""Real CMS events, from coffea's source distribution: downloaded once, checked every time."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from local import venv
from local.paths import cache, log
from local.shell import StepError, run

VERSION = "2026.9.0"
SHA256 = {
    "nano_dimuon.root": "eac7c0a973e054e890766ec4c61ca784d3d49e4f82ec0c8b9dfbe55c233297a9",
    "nano_dy.root": "159b17b34b4d13ea4960d36fb9b01f2a505cc1a5a8de0fb3cfa185154543c81c",
}


def directory() -> Path:
    """Return where the files are kept."""
    return cache() / "samples"


def fetch() -> dict[str, Path]:
    """Return the files by name; raise StepError where one is not what it should be."""
    if not all((directory() / name).exists() for name in SHA256):
        directory().mkdir(parents=True, exist_ok=True)
        source = ["--no-deps", "--no-binary=coffea", f"--dest={directory()}", f"coffea=={VERSION}"]
        program = venv.directory() / "bin" / "python"
        run("downloading the samples", [program, "-m", "pip", "download", *source], log("samples"))
        archive = directory() / f"coffea-{VERSION}.tar.gz"
        _unpack(archive)
        archive.unlink()
    for name, expected in SHA256.items():
        found = hashlib.sha256((directory() / name).read_bytes()).hexdigest()
        if found != expected:
            raise StepError(
                f"{directory() / name} is not the file of coffea {VERSION} (SHA-256 {found}).\n"
                "To do: remove it and run the same command again."
            )
    return {name: directory() / name for name in SHA256}


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as content:
        for name in SHA256:
            member = content.extractfile(f"coffea-{VERSION}/tests/samples/{name}")
            assert member
            (directory() / name).write_bytes(member.read())
