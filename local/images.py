"""Builds the facility's images with buildah and hands them to containerd or to a registry.

    python3 -m local.images build [NAME...] [--registry R]
    python3 -m local.images load  [NAME...]     build what is missing, then import it into this machine's containerd
    python3 -m local.images push  [NAME...] --registry R
    python3 -m local.images list  [--registry R]

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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from images.table import IMAGES, ROOT, files, reference

REGISTRY = "localhost/coffea-casa"
DEBIAN = "docker.io/library/debian:trixie-slim"
CONTAINERD = "/run/coffea-casa/containerd.sock"
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


class BuildError(Exception):
    """A command failed; the message names the step and its log."""


def cache() -> Path:
    """Return the directory for downloads and builds: COFFEA_CASA_CACHE, or the user's own."""
    return Path(os.environ.get("COFFEA_CASA_CACHE") or Path.home() / ".cache" / "coffea-casa")


def archive(name: str) -> Path:
    """Return where the image's archive is kept, whether it exists or not."""
    return cache() / "images" / f"{reference(REGISTRY, name).rpartition('/')[2].replace(':', '-')}.tar"


def buildah(*arguments: str | Path) -> list[str]:
    """Return a buildah command on our own storage, which other users of buildah never see."""
    store = cache() / "containers"
    places = ["--root", str(store / "storage"), "--runroot", str(store / "run"), "--storage-driver", "overlay"]
    return ["buildah", *places, *map(str, arguments)]


def ctr(*arguments: str | Path) -> list[str]:
    """Return a ctr command on the containerd of this machine's cluster."""
    return ["ctr", "-a", CONTAINERD, "-n", NAMESPACE, *map(str, arguments)]


def run(step: str, command: Sequence[str], log: Path) -> None:
    """Run a command with its output added to the log; raise BuildError with the log's end if it fails."""
    scratch = cache() / "containers" / "tmp"  # buildah keeps its cache mounts (apt, pip, npm) under TMPDIR
    for directory in (scratch, log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | {"TMPDIR": str(scratch)}
        ).returncode
    if status:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildError(f"{step} failed (status {status}). Its log is {log}, which ends:\n{end}")


def answer(command: Sequence[str]) -> str:
    """Return what a command prints, or nothing where it fails."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def built(ref: str) -> bool:
    """Tell whether the reference is in buildah's storage."""
    return bool(answer(buildah("images", "--quiet", ref)).strip())


def loaded(ref: str) -> bool:
    """Tell whether the reference is in the cluster's containerd."""
    return ref in answer(ctr("images", "ls", "--quiet")).splitlines()


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
def alone() -> Iterator[None]:
    """Let one process at a time build, since two would make the same image twice."""
    lock = cache() / "containers" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# Building


def make_debian(log: Path) -> None:
    """Put Debian's slim image in the storage: made from Debian's packages, or pulled where mmdebstrap is missing."""
    if built(DEBIAN):
        return
    if not shutil.which("mmdebstrap"):
        run("pulling Debian", buildah("pull", DEBIAN), log)
        return
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        tree = Path(scratch) / "debian.tar"
        slim = [f"--dpkgopt={option}" for option in SLIM]
        run("making Debian", ["mmdebstrap", "--variant=apt", "--skip=output/dev", *slim, "trixie", str(tree)], log)
        container = f"debian-{os.getpid()}"
        run("making Debian", buildah("from", "--name", container, "scratch"), log)
        run("making Debian", buildah("add", "--quiet", container, tree, "/"), log)
        run("making Debian", buildah("config", "--cmd", "bash", container), log)
        run("making Debian", buildah("commit", "--quiet", "--rm", container, DEBIAN), log)


def dex(context: Path) -> None:
    """Add Dex's program and web pages to the identity image's directory."""
    from local import modules  # built only when this image is

    shutil.copytree(modules.source("dex", "github.com/dexidp/dex") / "web", context / "web")
    shutil.copy2(modules.build("dex") / "dex", context / "dex")


EXTRAS: Mapping[str, Callable[[Path], None]] = {"identity": dex}
"""What an image needs beside files of the project, made by a function from inputs that its tag covers."""


def stage(name: str, context: Path) -> None:
    """Copy the image's inputs into an empty directory, at their paths from the project's root."""
    for file in files(name):
        target = context / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    if name in EXTRAS:
        EXTRAS[name](context)


def options(name: str, registry: str) -> list[str]:
    """Return what buildah is told beside the directory to build in."""
    told = ["--layers", "--isolation", "chroot", "--pull-never", "--tag", reference(registry, name)]
    base = IMAGES[name].base
    if base:
        told += ["--build-arg", f"BASE={reference(registry, base)}"]
        # The build trusts whom this machine trusts (a proxy that opens TLS, say); nothing of that stays in the image.
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
        containerfile = context / "images" / name / "Containerfile"
        run(f"building image {name}", buildah("bud", *options(name, registry), "-f", containerfile, context), log)
    prune(name, registry)
    return True


def prune(name: str, registry: str) -> None:
    """Remove the image's older tags and archives; containerd's own are left to kubelet, since pods may run on them."""
    current = reference(registry, name)
    for ref in answer(buildah("images", "--format", "{{.Name}}:{{.Tag}}", f"{registry}/{name}")).split():
        if ref != current:
            answer(buildah("rmi", ref))
    for file in (cache() / "images").glob(f"{name}-????????????.tar"):
        if file != archive(name):
            file.unlink()


def export(name: str) -> Path:
    """Return the image's archive, written from the storage if it is not there; the image must be built or archived."""
    target, ref = archive(name), reference(REGISTRY, name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        # Uncompressed: the archive is read on this machine, where compressing takes longer than anything it saves.
        command = buildah("push", "--quiet", "--disable-compression", ref, f"oci-archive:{part}:{ref}")
        run(f"exporting image {name}", command, cache() / "logs" / f"image-{name}.log")
        part.rename(target)
    return target


def load(name: str) -> bool:
    """Import the image into the cluster's containerd; return False if it was there already."""
    if loaded(reference(REGISTRY, name)):
        return False
    run(f"loading image {name}", ctr("images", "import", export(name)), cache() / "logs" / f"image-{name}.log")
    return True


def push(name: str, registry: str) -> bool:
    """Push the image to its registry, with whatever log-in buildah has there."""
    ref = reference(registry, name)
    command = buildah("push", "--quiet", ref, f"docker://{ref}")
    run(f"pushing image {name}", command, cache() / "logs" / f"image-{name}.log")
    return True


# Command line


def wanted(command: str, names: Sequence[str]) -> list[str]:
    """Return the images to build first: those asked for (or all) and their bases, less what an archive saves."""
    asked = names or list(IMAGES)
    if command == "load":
        asked = [name for name in asked if not archive(name).exists() and not loaded(reference(REGISTRY, name))]
    return with_bases(asked)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; each step prints which of how many it is, and the time since the start."""
    parser = argparse.ArgumentParser(prog="python3 -m local.images", description="Build, load and push the images.")
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
    try:
        with alone():
            follow(steps, registry)
    except BuildError as error:
        sys.exit(f"error: {error}")


def follow(steps: Sequence[tuple[str, str]], registry: str) -> None:
    """Take the steps, each an action and an image's name."""
    start = time.monotonic()
    for number, (action, name) in enumerate(steps, 1):
        print(f"images {number} of {len(steps)}: {action} {name} ...", end="", flush=True)
        done = build(name, registry) if action == "build" else load(name) if action == "load" else push(name, registry)
        elapsed = f"{time.monotonic() - start:.0f} s"
        print(f" {'done' if done else 'is up to date'} ({elapsed} in all)")


if __name__ == "__main__":
    main()
