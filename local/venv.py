"""The project's Python environment, made from the hash-locked requirements/dev.txt.

python3 -m local.venv     make it if need be, and print where it is
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from local.paths import ROOT, cache
from local.shell import StepError, run

LOCK = ROOT / "requirements" / "dev.txt"
LINK = ROOT / ".venv"
"""Where editors and ``source .venv/bin/activate`` look for it."""


def key(lock: bytes, python: str) -> str:
    """Return 12 hexadecimal digits that change with the lock file and the Python."""
    return hashlib.sha256(python.encode() + b"\0" + lock).hexdigest()[:12]


def directory() -> Path:
    """Return where the environment is, or will be."""
    return cache() / f"venv-{key(LOCK.read_bytes(), sys.version)}"


def is_made() -> bool:
    """Tell whether the environment is whole (it is marked last) and .venv leads to it."""
    return (directory() / "made").exists() and LINK.resolve() == directory().resolve()


def make() -> Path:
    """Make the environment and return its directory."""
    target = directory()
    if not (target / "made").exists():
        shutil.rmtree(target, ignore_errors=True)
        file = cache() / "logs" / "venv.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        print(f"    installing requirements/dev.txt into {target}", flush=True)
        _fill(target, file)
        (target / "made").touch()
    if LINK.is_symlink() or not LINK.exists():
        LINK.unlink(missing_ok=True)
        LINK.symlink_to(target)
    return target


def _fill(target: Path, log: Path) -> None:
    """Install the locked packages, with uv where it is there and pip otherwise."""
    uv, python = shutil.which("uv"), target / "bin" / "python"
    if uv:
        run("making a Python environment", [uv, "venv", "--seed", "--python", sys.executable, target], log)
        run(
            "installing Python packages",
            [uv, "pip", "sync", "--python", python, "--require-hashes", LOCK],
            log,
        )
        return
    remedy = "install python3-venv (or read the log) and run the same command again"
    run("making a Python environment", [sys.executable, "-m", "venv", target], log, remedy=remedy)
    # The lock file names every package, so there is nothing to work out; Python compiles what is used.
    quiet = ["--no-deps", "--no-compile", "--quiet", "--disable-pip-version-check", "--no-input"]
    run(
        "installing Python packages",
        [python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", LOCK],
        log,
    )


if __name__ == "__main__":
    try:
        print(make())
    except StepError as error:
        sys.exit(f"error: {error}")
