"""The one table of the facility's images and their references.

A tag is a digest of everything the image is built from, so a changed file gives
a new tag, the Deployments that use it roll, and nobody bumps a version by hand.
Both the build (``make images``) and the Pulumi program read this table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Image:
    """An image: its name, the image it starts from, and the paths (from the project's root) copied in."""

    name: str
    base: str | None = "base"
    inputs: tuple[str, ...] = ()
    in_pods: bool = True
    """Whether pods are made of it; if not, it is there for others to start from."""


IMAGES: Mapping[str, Image] = {
    image.name: image
    for image in (
        Image("base", base=None, in_pods=False),
        Image("hub", inputs=("services/__init__.py", "services/hub", "requirements/hub.txt")),
        Image("proxy"),
        Image("identity", inputs=("local/modules/dex",)),
        Image("gateway", inputs=("services/__init__.py", "services/gateway", "requirements/gateway.txt")),
        Image("router"),
        Image(
            "credentials",
            inputs=("services/__init__.py", "services/credentials", "requirements/credentials.txt"),
        ),
        Image("xrootd", inputs=("requirements/xrootd.txt",), in_pods=False),
        Image("xcache", base="xrootd"),
        Image(
            "cache-metrics",
            inputs=("services/__init__.py", "services/cache_metrics", "requirements/cache-metrics.txt"),
        ),
        Image("session", inputs=("requirements/session.txt",)),
        Image("condor"),
        Image("execute", base="session", inputs=("images/condor/bin",)),
    )
}


def _under(path: Path) -> Iterator[Path]:
    """Yield the files at or under a path in a fixed order, without tests and what Python leaves behind."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file() and not {"__pycache__", "tests"} & set(file.relative_to(ROOT).parts):
            yield file


def files(name: str) -> Iterator[Path]:
    """Yield every file an image is built from: its directory under images/, then its inputs."""
    for relative in (f"images/{name}", *IMAGES[name].inputs):
        yield from _under(ROOT / relative)


def tag(name: str) -> str:
    """Return the image's tag: 12 hexadecimal digits of SHA-256 over its files and its base's tag.

    Raises KeyError for a name that is not in the table.
    """
    digest = hashlib.sha256()
    base = IMAGES[name].base
    if base:
        digest.update(tag(base).encode())
    for file in files(name):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def reference(registry: str, name: str) -> str:
    """Return ``REGISTRY/NAME:TAG``."""
    return f"{registry}/{name}:{tag(name)}"
