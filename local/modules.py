"""Builds Go programs from the pinned modules under local/modules, once for each version of their inputs.

    python3 -m local.modules [NAME...]     build (none means all) and print where the programs are

A module NAME names its programs by ``tool`` directives; one that has a main.go is
itself the program. What is built lies in CACHE/go/NAME-KEY, where KEY is a digest of
the module's files and of the build's flags: nothing in it ever changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.paths import ROOT, cache
from local.shell import StepError, run

MODULES = ROOT / "local" / "modules"
GO_MINIMUM = (1, 21)
"""The first Go that fetches by itself the newer one which a go.mod names."""
_KUBERNETES = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Module:
    """How one module is built beside what its go.mod says."""

    stamps: Mapping[str, str]
    """Go variables set by the linker, for programs that tell or check their own version."""
    cgo: bool = False
    embeds: Mapping[str, tuple[str, ...]] | None = None
    """Go module path to files in it that main.go embeds."""
    scripts: Mapping[str, str] | None = None
    """Files that go beside the programs: name to path in the module github.com/pulumi/pulumi/sdk/v3."""


PLAIN = Module(stamps={})
MODULE: Mapping[str, Module] = {
    "pulumi": Module(stamps={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.259.0"}),
    "pulumi-language-python": Module(
        stamps={}, scripts={"pulumi-language-python-exec": "python/cmd/pulumi-language-python-exec"}
    ),
    "pulumi-resource-kubernetes": Module(
        stamps={"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": "4.25.0"},
        embeds={
            "github.com/pulumi/pulumi-kubernetes/provider/v4": (
                "cmd/pulumi-resource-kubernetes/schema.json",
                "cmd/pulumi-resource-kubernetes/terraform-mapping.json",
            )
        },
    ),
    "kubernetes": Module(
        stamps={
            f"{_KUBERNETES}.gitVersion": "v1.34.4",
            f"{_KUBERNETES}.gitMajor": "1",
            f"{_KUBERNETES}.gitMinor": "34",
        }
    ),
    "actionlint": Module(stamps={"github.com/rhysd/actionlint.version": "1.7.12"}),
    "coredns": PLAIN,
    "kube-router": PLAIN,
    "local-path-provisioner": PLAIN,
    "pause": PLAIN,
    "dex": Module(stamps={}, cgo=True),
}


def flags(module: Module) -> list[str]:
    """Return the flags of ``go build``; -s -w leave out symbols, which halves the programs."""
    stamps = [f"-X {variable}={value}" for variable, value in module.stamps.items()]
    return ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(["-s", "-w", *stamps])]


def key(files: Mapping[str, bytes], module: Module) -> str:
    """Return 12 hexadecimal digits that change with the module's files and with how it is built."""
    digest = hashlib.sha256(repr((flags(module), module)).encode())
    for name, content in sorted(files.items()):
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()[:12]


def directory(name: str) -> Path:
    """Return where the module's programs are, or will be."""
    files = {file.name: file.read_bytes() for file in (MODULES / name).iterdir() if file.is_file()}
    return cache() / "go" / f"{name}-{key(files, MODULE[name])}"


def is_built(name: str) -> bool:
    """Tell whether the module's programs are there; a build that was cut short leaves none."""
    return directory(name).is_dir()


def tools(go_mod: str) -> list[str]:
    """Return the packages that a go.mod's ``tool`` directives name, or the module itself without any."""
    block = re.findall(r"^tool \(\n(.*?)^\)", go_mod, re.DOTALL | re.MULTILINE)
    single = re.findall(r"^tool ([^(\s]+)$", go_mod, re.MULTILINE)
    return single + [line.strip() for text in block for line in text.splitlines() if line.strip()] or ["."]


def environment(module: Module) -> dict[str, str]:
    """Return the build's environment: go.sum is never changed, and a newer Go is fetched where need be."""
    return {"CGO_ENABLED": "1" if module.cgo else "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "auto"}


def source(path: str, within: Path) -> Path:
    """Return the unpacked source of a Go module that the module in ``within`` requires."""
    command = ["go", "mod", "download", "-json", path]
    done = subprocess.run(command, cwd=within, capture_output=True, text=True)
    if done.returncode:
        raise StepError(f"fetching the Go module {path} failed: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def build(name: str) -> Path:
    """Return the directory of the module's programs, built if they are not there."""
    target, module = directory(name), MODULE[name]
    if target.is_dir():
        return target
    check_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    log = cache() / "logs" / f"go-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        work, part = Path(scratch) / "source", Path(scratch) / "programs"
        shutil.copytree(MODULES / name, work)
        part.mkdir()
        for path, embedded in (module.embeds or {}).items():
            for file in embedded:
                shutil.copyfile(source(path, work) / file, work / Path(file).name)
        for package in tools((work / "go.mod").read_text()):
            command = ["go", "build", *flags(module), "-o", f"{part}/", package]
            run(f"building {package}", command, log, env=environment(module), cwd=work)
        for script, file in (module.scripts or {}).items():
            shutil.copyfile(
                source("github.com/pulumi/pulumi/sdk/v3", MODULES / "pulumi") / file, part / script
            )
            (part / script).chmod(0o755)
        part.rename(target)
    for old in target.parent.glob(f"{name}-????????????"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return target


def check_go() -> None:
    """Raise StepError where Go is missing or too old to fetch the toolchain a go.mod asks for."""
    told = (
        shutil.which("go")
        and subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout
    )
    found = re.match(r"go(\d+)\.(\d+)", told or "")
    if not found or (int(found[1]), int(found[2])) < GO_MINIMUM:
        wanted = ".".join(map(str, GO_MINIMUM))
        raise StepError(
            f"Go {wanted} or newer is needed and was not found on PATH; see https://go.dev/doc/install"
        )


def build_all(names: Sequence[str]) -> list[Path]:
    """Build modules one after the other (each uses every core), telling which of how many is at work."""
    missing = [name for name in names if not is_built(name)]
    for number, name in enumerate(missing, 1):
        print(f"    Go module {number} of {len(missing)}: {name}", flush=True)
        build(name)
    return [directory(name) for name in names]


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        print(*build_all(sys.argv[1:] or list(MODULE)), sep="\n")
    except StepError as error:
        sys.exit(f"error: {error}")
