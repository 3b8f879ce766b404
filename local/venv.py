"""The project's Python environments, made from the hash-locked requirements/NAME.txt.

python3 -m local.venv [NAME]     make it if need be, and print where it is

There are two: ``dev``, and ``policy`` for the policy pack, whose library contradicts the other.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from local.paths import ROOT, cache
from local.shell import StepError, run

LINKS = {"dev": ROOT / ".venv", "policy": ROOT / ".venv-policy"}
"""Where editors and ``source .venv/bin/activate``, and policy/PulumiPolicy.yaml, look for them."""


def key(lock: bytes, python: str) -> str:
    """Return 12 hexadecimal digits that change with the lock file and the Python."""
    return hashlib.sha256(python.encode() + b"\0" + lock).hexdigest()[:12]


def lock(name: str = "dev") -> Path:
    """Return the lock file of an environment."""
    return ROOT / "requirements" / f"{name}.txt"


def directory(name: str = "dev") -> Path:
    """Return where the environment is, or will be."""
    return cache() / f"venv-{key(lock(name).read_bytes(), sys.version)}"


def is_made(name: str = "dev") -> bool:
    """Tell whether the environment is whole (it is marked last) and its link leads to it."""
    return (directory(name) / "made").exists() and LINKS[name].resolve() == directory(name).resolve()


def make(name: str = "dev") -> Path:
    """Make the environment and return its directory."""
    target, link = directory(name), LINKS[name]
    if not (target / "made").exists():
        shutil.rmtree(target, ignore_errors=True)
        file = cache() / "logs" / "venv.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        print(f"    installing requirements/{name}.txt into {target}", flush=True)
        _fill(target, lock(name), file)
        (target / "made").touch()
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return target


def _fill(target: Path, packages: Path, log: Path) -> None:
    """Install the locked packages, with uv where it is there and pip otherwise."""
    uv, python = shutil.which("uv"), target / "bin" / "python"
    if uv:
        run("making a Python environment", [uv, "venv", "--seed", "--python", sys.executable, target], log)
        run(
            "installing Python packages",
            [uv, "pip", "sync", "--python", python, "--require-hashes", packages],
            log,
        )
        return
    remedy = "install python3-venv (or read the log) and run the same command again"
    run("making a Python environment", [sys.executable, "-m", "venv", target], log, remedy=remedy)
    # The lock file names every package, so there is nothing to work out; Python compiles what is used.
    quiet = ["--no-deps", "--no-compile", "--quiet", "--disable-pip-version-check", "--no-input"]
    run(
        "installing Python packages",
        [python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", packages],
        log,
    )


if __name__ == "__main__":
    try:
        print(make(*sys.argv[1:2]))
    except StepError as error:
        sys.exit(f"error: {error}")
