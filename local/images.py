"""Builds the facility's images with buildah and hands them to containerd or to a registry.

    python3 -m local.images build [NAME...] [--registry R]
    python3 -m local.images load [NAME...]      into this machine's containerd, building what is missing
    python3 -m local.images push [NAME...] --registry R
    python3 -m local.images list [NAME...] [--registry R]

A tag is a digest of all that an image is made from (images/table.py), so an image
whose reference is there already is up to date and is skipped. Each build sees a
directory with the image's inputs and nothing else: a file that the tag does not
cover cannot get in. Needs root, buildah and (for the Debian base, which is pulled
otherwise) mmdebstrap. Everything made lies in the cache directory.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from images.table import IMAGES, files, reference
from local import shell
from local.paths import ROOT, SHORT, cache
from local.shell import StepError, answer

REGISTRY = "localhost/coffea-casa"
DEBIAN = "docker.io/library/debian:trixie-slim"
CONTAINERD = SHORT / "containerd.sock"
NAMESPACE = "k8s.io"
"""The containerd namespace in which kubelet looks for images."""

# What the public slim image leaves out as well.
SLIM = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
)


def archive(name: str) -> Path:
    """Return where the image's archive is kept, whether it exists or not."""
    return cache() / "images" / f"{reference(REGISTRY, name).rpartition('/')[2].replace(':', '-')}.tar"


def buildah(*arguments: str | Path) -> list[str]:
    """Return a buildah command on our own storage, which other users of buildah never see."""
    store = cache() / "containers"
    places = [f"--root={store / 'storage'}", f"--runroot={store / 'run'}", "--storage-driver=overlay"]
    return ["buildah", *places, *map(str, arguments)]


def ctr(*arguments: str | Path) -> list[str]:
    """Return a ctr command on the containerd of this machine's cluster."""
    return ["ctr", "-a", str(CONTAINERD), "-n", NAMESPACE, *map(str, arguments)]


def run(step: str, command: Sequence[str], log: Path) -> None:
    """Run a command with its output added to the log; raise StepError if it fails."""
    scratch = cache() / "containers" / "tmp"  # buildah keeps its cache mounts (apt, pip, npm) under TMPDIR
    for directory in (scratch, log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    shell.run(step, command, log, env={"TMPDIR": str(scratch)})


def built(ref: str) -> bool:
    """Tell whether the reference is in buildah's storage."""
    return bool((answer(buildah("images", "--quiet", ref)) or "").strip())


def loaded(ref: str) -> bool:
    """Tell whether the reference is in the cluster's containerd."""
    return ref in (answer(ctr("images", "ls", "--quiet")) or "").splitlines()


def with_bases(names: Iterable[str]) -> list[str]:
    """Return the names with every image they start from, in the table's order, which puts a base first."""
    wanted: set[str] = set()
    for name in names:
        step: str | None = name
        while step:
            wanted.add(step)
            step = IMAGES[step].base
    return [name for name in IMAGES if name in wanted]


@contextmanager
def alone() -> Generator[None]:
    """Let one process at a time build, since two would make the same image twice."""
    lock = cache() / "containers" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# Building


def make_debian(log: Path) -> None:
    """Put Debian's slim image in the storage: made from packages, or pulled where mmdebstrap is missing."""
    if built(DEBIAN):
        return
    if not shutil.which("mmdebstrap"):
        run("pulling Debian", buildah("pull", DEBIAN), log)
        return
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        tree = Path(scratch) / "debian.tar"
        slim = ["--variant=minbase", "--skip=output/dev", *(f"--dpkgopt={option}" for option in SLIM)]
        run("making Debian", ["mmdebstrap", *slim, "trixie", str(tree)], log)
        container = f"debian-{os.getpid()}"
        run("making Debian", buildah("from", "--name", container, "scratch"), log)
        run("making Debian", buildah("add", "--quiet", container, tree, "/"), log)
        run("making Debian", buildah("config", "--cmd", "bash", container), log)
        run("making Debian", buildah("commit", "--quiet", "--rm", container, DEBIAN), log)


def dex(context: Path) -> None:
    """Add Dex's program and web pages to the identity image's directory, both from the pinned Go module."""
    from local import modules  # here, because no other image needs Go

    shutil.copy2(modules.build("dex") / "dex", context / "dex")
    pages = modules.source("github.com/dexidp/dex", ROOT / "local" / "modules" / "dex") / "web"
    programs = shutil.ignore_patterns("*.go")
    shutil.copytree(pages, context / "web", ignore=programs, copy_function=shutil.copyfile)


EXTRAS: Mapping[str, Callable[[Path], None]] = {"identity": dex}
"""What an image needs beside files of the project, made by a function from inputs that its tag covers."""


def stage(name: str, context: Path) -> None:
    """Copy the image's inputs into an empty directory, at their paths from the project's root."""
    for file in files(name):
        target = context / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)  # whatever the checkout's umask was
    if name in EXTRAS:
        EXTRAS[name](context)


def options(name: str, registry: str) -> list[str]:
    """Return what buildah is told beside the directory to build in."""
    told = ["--layers", "--isolation", "chroot", "--pull-never", "--tag", reference(registry, name)]
    base = IMAGES[name].base
    if base:
        told += ["--build-arg", f"BASE={reference(registry, base)}"]
        # The build trusts whom this machine trusts (a proxy that opens TLS, say); the image does not.
        bundle = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt").resolve()
        told += ["--volume", f"{bundle}:/etc/ssl/certs/ca-certificates.crt:ro"] if bundle.is_file() else []
    return told


def build(name: str, registry: str = REGISTRY) -> bool:
    """Build one image, whose base must be there; return False if it was there already."""
    if built(reference(registry, name)):
        return False
    log = cache() / "logs" / f"image-{name}.log"
    log.unlink(missing_ok=True)
    if IMAGES[name].base is None:
        make_debian(log)
    with tempfile.TemporaryDirectory(dir=cache()) as directory:
        context = Path(directory)
        stage(name, context)
        file = context / "images" / name / "Containerfile"
        run(f"building image {name}", buildah("bud", *options(name, registry), "--file", file, context), log)
    prune(name, registry)
    return True


def prune(name: str, registry: str) -> None:
    """Remove the image's older tags and archives; pods may run on containerd's, so those are kubelet's."""
    current = reference(registry, name)
    there = answer(buildah("images", "--format", "{{.Name}}:{{.Tag}}")) or ""
    for ref in there.split():
        if ref != current and ref.startswith(f"{registry}/{name}:"):
            answer(buildah("rmi", ref))
    for file in (cache() / "images").glob(f"{name}-????????????.tar"):
        if file != archive(name):
            file.unlink()


def export(name: str) -> Path:
    """Return the image's archive, written from the storage if it is not there yet."""
    target, ref = archive(name), reference(REGISTRY, name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        # zstd is read back in half the time of gzip, and a third of the size of no compression.
        format = ["--compression-format=zstd", "--compression-level=1"]
        command = buildah("push", "--quiet", *format, ref, f"oci-archive:{part}:{ref}")
        run(f"exporting image {name}", command, cache() / "logs" / f"image-{name}.log")
        part.rename(target)
    return target


def load(name: str) -> bool:
    """Import the image into the cluster's containerd; return False if it was there already."""
    if loaded(reference(REGISTRY, name)):
        return False
    log = cache() / "logs" / f"image-{name}.log"
    run(f"loading image {name}", ctr("images", "import", export(name)), log)
    return True


def push(name: str, registry: str) -> bool:
    """Push the image to its registry, with whatever log-in buildah has there."""
    ref = reference(registry, name)
    command = buildah("push", "--quiet", ref, f"docker://{ref}")
    run(f"pushing image {name}", command, cache() / "logs" / f"image-{name}.log")
    return True


# Command line


def wanted(command: str, names: Sequence[str]) -> list[str]:
    """Return what to build first: the images asked for (or all) with their bases, less what is past that."""
    asked = names or list(IMAGES)
    if command == "load":
        asked = [n for n in asked if not archive(n).exists() and not loaded(reference(REGISTRY, n))]
    return with_bases(asked)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; each step prints which of how many it is, and the time since the start."""
    parser = argparse.ArgumentParser("python3 -m local.images", description="Build, load, push the images.")
    parser.add_argument("command", choices=("build", "load", "push", "list"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="image names; none means all")
    parser.add_argument("--registry", default=REGISTRY, help="registry and path in front of the names")
    given = parser.parse_args(arguments)
    command, names, registry = str(given.command), list[str](given.names), str(given.registry)
    for name in names:
        if name not in IMAGES:
            parser.error(f"no image is called {name}; there are {', '.join(IMAGES)}")
    if command == "push" and registry == REGISTRY:
        parser.error("push needs --registry, such as --registry registry.example.org/coffea-casa")
    if command == "list":
        for name in names or IMAGES:
            print(reference(registry, name))
        return
    steps = [("build", name) for name in wanted(command, names)]
    steps += [(command, name) for name in names or IMAGES if command != "build"]
    os.umask(0o022)  # directories made here go into images, where another user reads them
    try:
        with alone():
            follow(steps, registry)
    except StepError as error:
        sys.exit(f"error: {error}")


def follow(steps: Sequence[tuple[str, str]], registry: str) -> None:
    """Take the steps, each an action and an image's name."""
    start = time.monotonic()
    take: Mapping[str, Callable[[str], bool]] = {
        "build": lambda name: build(name, registry),
        "load": load,
        "push": lambda name: push(name, registry),
    }
    for number, (action, name) in enumerate(steps, 1):
        print(f"images {number} of {len(steps)}: {action} {name} ...", end="", flush=True)
        done = take[action](name)
        elapsed = f"{time.monotonic() - start:.0f} s"
        print(f" {'done' if done else 'is up to date'} ({elapsed} in all)")


if __name__ == "__main__":
    main()
