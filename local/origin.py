"""A data server on this machine that stands for a large one far away, such as CERN's for open data.

A real XRootD server with real events, in a namespace of its own: to the facility it is as
foreign as the other one, and reached through the cache by one setting.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from string import Template

from images.table import reference
from local import cluster, modules, samples
from local.images import REGISTRY
from local.paths import ROOT, log, state
from local.shell import run

NAMESPACE = "origin"
HOST = "origin.origin.svc.cluster.local"
PREFIX = "/eos/opendata"
FOLDER = f"{PREFIX}/coffea"
"""Where the samples are, as readers name it."""
MANIFEST = ROOT / "local" / "manifests" / "origin.yaml"


def data() -> Path:
    """Return the directory that the server shows as its root."""
    return state() / "origin"


def manifest() -> str:
    """Return the server's objects as one YAML stream; an annotation has their digest."""
    values = {"image": reference(REGISTRY, "xrootd"), "data": str(data()), "prefix": PREFIX}
    text = MANIFEST.read_text()
    return Template(text).substitute(values, digest=hashlib.sha256(f"{values}{text}".encode()).hexdigest())


def is_up() -> bool:
    """Tell whether the server runs as it would be started now."""
    shown = "jsonpath={.metadata.annotations.coffea-casa/digest} {.status.readyReplicas}"
    told = cluster.kubectl("get", "deployment", "origin", "--namespace", NAMESPACE, "--output", shown)
    return told is not None and told.endswith(" 1") and told.split()[0] in manifest()


def up() -> None:
    """Put the samples in their place and start the server."""
    folder = data() / FOLDER.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in samples.fetch().items():
        if not (folder / name).exists():
            shutil.copyfile(file, folder / name)
    file = cluster.places().config / "origin.yaml"
    file.write_text(manifest())
    kube = [modules.directory("kubernetes") / "kubectl", "--kubeconfig", state() / "kubeconfig"]
    run("starting the origin", [*kube, "apply", "-f", file], log("cluster"))
    rollout = ["rollout", "status", "deployment/origin", "--namespace", NAMESPACE, "--timeout=120s"]
    run("waiting for the origin", [*kube, *rollout], log("cluster"))
