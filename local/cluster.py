"""Starts and stops the one-machine Kubernetes, and puts DNS, storage and policy rules in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from images.table import reference
from local import archive, certificates, config, host, modules
from local.node import PATIENCE, Settings
from local.paths import ROOT, SHORT, log, private_directory, state
from local.readiness import not_ready
from local.shell import StepError, answer, run, tail

MODULES = ("kubernetes", "coredns", "kube-router", "local-path-provisioner", "pause")
REGISTRY = "localhost/coffea-casa"
MANIFESTS = ROOT / "local" / "manifests"
STARTED = SHORT / "started"
FILLED = SHORT / "filled"
"""Digests of what the running cluster was started and filled with; a reboot forgets them."""


def places() -> config.Places:
    """Return the directories of this machine's cluster."""
    return config.Places(
        state=state(),
        kubernetes=modules.directory("kubernetes"),
        kube_router=modules.directory("kube-router"),
        local_path_provisioner=modules.directory("local-path-provisioner"),
    )


def image(name: str) -> str:
    """Return the reference of an image made of one Go program."""
    return f"{REGISTRY}/{name}:{modules.directory(name).name.rpartition('-')[2]}"


def settings(where: config.Places) -> Settings:
    """Return what the cluster's first process is told."""
    return Settings(
        daemons=config.daemons(where),
        logs=str(state() / "logs"),
        binds={
            "/var/lib/kubelet": str(where.node / "kubelet"),
            "/var/lib/cni": str(SHORT / "cni"),
            "/var/log/containers": str(where.node / "container-logs"),
            "/run/containerd": str(SHORT / "shims"),
        },
        fresh=[str(SHORT / name) for name in ("containerd", "cni", "shims", "addresses")],
        uplink=config.UPLINK,
        address=f"{config.NODE_ADDRESS}/30",
        gateway=config.HOST_ADDRESS,
        cgroup="coffea-casa",
    )


# Configuration


def configuration(where: config.Places) -> dict[str, str]:
    """Return every configuration file: path under ``where.config`` to content."""
    resolver = Path("/run/systemd/resolve/resolv.conf")  # where systemd keeps the real servers
    resolv = (resolver if resolver.exists() else Path("/etc/resolv.conf")).read_text()
    return {
        **config.files(where, image("pause"), resolv),
        "node.json": json.dumps(asdict(settings(where)), indent=2) + "\n",
    }


def write(where: config.Places, files: Mapping[str, str]) -> None:
    """Write the configuration files, and the administrator's kubeconfig where its owner finds it."""
    private_directory(where.state)
    private_directory(where.config)
    for name, content in files.items():
        file = where.config / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    kubeconfig = where.state / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(files["admin.kubeconfig"])


def digest(content: object) -> str:
    """Return a digest of texts, and of the first process's own source."""
    source = (ROOT / "local" / "node.py").read_text()
    return hashlib.sha256(json.dumps([content, source], sort_keys=True).encode()).hexdigest()


# The cluster's first process


def running() -> int | None:
    """Return the process id of the cluster's first process, or None if it is not running."""
    file = SHORT / "node.pid"
    if not file.exists():
        return None
    pid = int(file.read_text() or "0")
    # The number may belong to another process by now (a reboot, a crash).
    line = Path(f"/proc/{pid}/cmdline")
    try:
        return pid if b"local.node" in line.read_bytes() else None
    except OSError:
        return None


def _launch(where: config.Places) -> int:
    """Start the first process in namespaces of its own; return its process id as the machine sees it."""
    output = log("node")
    for file in (state() / "logs").glob("*.log"):
        if file.stem in config.daemons(where) and file.stat().st_size > 50_000_000:
            file.replace(file.with_suffix(".log.1"))
    namespaces = [
        "--mount",
        "--propagation",
        "private",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    with output.open("a") as handle:
        outer = subprocess.Popen(
            ["unshare", *namespaces, sys.executable, "-m", "local.node", str(where.config / "node.json")],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            cwd=ROOT,
            start_new_session=True,
        )
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and outer.poll() is None:
        for child in children.read_text().split():
            if b"local.node" in Path(f"/proc/{child}/cmdline").read_bytes():
                (SHORT / "node.pid").write_text(child)
                return int(child)
        time.sleep(0.02)
    raise StepError(
        f"the cluster's first process did not start. Its log is {output}, which ends:\n{tail(output)}"
    )


def is_up() -> bool:
    """Tell whether the cluster runs as it would be started now, with its own objects in it."""
    if not running() or not all(modules.is_built(name) for name in MODULES):
        return False
    known = {STARTED: digest(configuration(places())), FILLED: digest(manifests())}
    stamped = all(file.exists() and file.read_text() == wanted for file, wanted in known.items())
    return stamped and not host.rules_missing() and kubectl("get", "--raw", "/readyz") == "ok"


def up() -> None:
    """Start the cluster and put its own objects in it."""
    start()
    fill()


def start() -> None:
    """Start the cluster, or start it again where its configuration or programs changed."""
    where = places()
    certificates.make(where.pki, config.LEAVES, log("cluster"))
    files = configuration(where)
    write(where, files)
    pid = running()
    if pid and not (STARTED.exists() and STARTED.read_text() == digest(files)):
        stop()
        pid = None
    host.check()
    host.record(state() / "machine.json")
    SHORT.mkdir(parents=True, exist_ok=True)
    if not pid:
        SHORT.joinpath("containerd.sock").unlink(missing_ok=True)
        pid = _launch(where)
        STARTED.write_text(digest(files))
    host.join(pid)
    _wait("the API server", lambda: kubectl("get", "--raw", "/readyz") == "ok", 120, "kube-apiserver")
    _wait("containerd", lambda: ctr("version") is not None, 60, "containerd")


def stop() -> None:
    """End the cluster's processes, pods included, and put the machine's network back; data stays."""
    pid = running()
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE + 10
        while running() and time.monotonic() < deadline:
            time.sleep(0.1)
        if running():
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
    host.leave(state() / "machine.json")
    remove_cgroups("coffea-casa")
    shutil.rmtree(SHORT, ignore_errors=True)


def remove() -> None:
    """Stop the cluster, and remove the state directory and every mount under it."""
    stop()
    for place in reversed(mounts_under([state()], Path("/proc/mounts").read_text())):
        run(f"unmounting {place}", ["umount", place], Path("/dev/null"))
    shutil.rmtree(state(), ignore_errors=True)


def mounts_under(directories: Sequence[Path], table: str) -> list[str]:
    """Return the mount points under directories, in the order they were made; ``table`` is /proc/mounts."""
    points = [line.split()[1].replace("\\040", " ") for line in table.splitlines() if line]
    return [point for point in points if any(Path(point).is_relative_to(one) for one in directories)]


def remove_cgroups(name: str) -> None:
    """Remove control groups, which are empty now, with those in them."""
    for top in [Path("/sys/fs/cgroup", name), *Path("/sys/fs/cgroup").glob(f"*/{name}")]:
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                time.sleep(0.1)


def _wait(what: str, ready: Callable[[], bool], seconds: float, daemon: str) -> None:
    """Wait until something is ready; raise StepError with the end of the daemon's log if it never is."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            file = log(daemon)
            raise StepError(
                f"{what} is not ready after {seconds:.0f} s. Its log is {file}, which ends:\n{tail(file)}\n"
                "To do: mend what the log says and run the same command again."
            )
        time.sleep(0.2)


# What runs in the cluster


def settle() -> None:
    """Wait until every Deployment's pods are at work: after a crash they start again by themselves."""
    started = datetime.fromtimestamp(int(STARTED.stat().st_mtime), UTC)

    def settled() -> bool:
        told = kubectl("get", "pods", "--all-namespaces", "--output=json")
        return told is not None and not not_ready(json.loads(told)["items"], started)

    _wait("some pod (`make status` lists them)", settled, 300, "kubelet")


def kubectl(*words: str, stdin: str = "") -> str | None:
    """Return what kubectl answers for this machine's cluster, or None where it fails."""
    program = modules.directory("kubernetes") / "kubectl"
    return answer([program, "--kubeconfig", state() / "kubeconfig", *words], stdin=stdin)


def ctr(*words: str | Path) -> str | None:
    """Return what ctr answers for this machine's containerd, or None where it fails."""
    return answer(["ctr", "-a", config.CONTAINERD, "-n", "k8s.io", *words])


def load_program(name: str) -> None:
    """Load the image made of one Go program, if it is not there."""
    if image(name) in (ctr("images", "ls", "--quiet") or "").split():
        return
    target = SHORT / f"{name}.tar"
    archive.write(modules.directory(name) / name, image(name), target)
    command = ["ctr", "-a", config.CONTAINERD, "-n", "k8s.io", "images", "import", target]
    run(f"loading the image of {name}", command, log("cluster"))
    target.unlink()


def manifests() -> str:
    """Return the objects of the cluster itself as one YAML stream."""
    servers = configuration(places())["resolv.conf"]
    forward = "forward . /etc/resolv.conf" if servers else ""
    values = {
        "dns.yaml": {"image": image("coredns"), "address": config.DNS_SERVICE, "forward": forward},
        "network-policy.yaml": {},
        "storage.yaml": {"image": reference(REGISTRY, "base")},
    }
    return "---\n".join(
        Template((MANIFESTS / name).read_text()).substitute(told) for name, told in values.items()
    )


def fill() -> None:
    """Put DNS, storage and policy rules in the cluster, and wait for the node and DNS."""
    for name in ("pause", "coredns"):
        load_program(name)
    _wait("the node", lambda: bool(kubectl("get", "node", config.NODE)), 60, "kubelet")
    namespace = "kube-system"
    _wait("the controllers", lambda: bool(kubectl("get", "serviceaccount", "default", "-n", namespace)), 60,
          "kube-controller-manager")  # fmt: skip
    file = places().config / "manifests.yaml"
    file.write_text(manifests())
    kube = [modules.directory("kubernetes") / "kubectl", "--kubeconfig", state() / "kubeconfig"]
    run("putting DNS and storage in the cluster", [*kube, "apply", "-f", file], log("cluster"))
    waiting = ["wait", "--for=condition=Ready", f"node/{config.NODE}", "--timeout=120s"]
    run("waiting for the node", [*kube, *waiting], log("cluster"), remedy=f"read {log('kubelet')}")
    rollout = ["rollout", "status", "deployment/coredns", "-n", namespace, "--timeout=120s"]
    run("waiting for DNS", [*kube, *rollout], log("cluster"), remedy=f"read {log('kubelet')}")
    FILLED.write_text(digest(manifests()))
