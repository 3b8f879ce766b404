"""The cluster's first process: keeps its daemons running inside namespaces of their own.

``unshare`` starts this as process 1 of a new process namespace, with new network and
mount namespaces. So nothing that Kubernetes mounts, or does to network, firewall and
addresses, is seen by the machine, and when this process ends the kernel ends all the
others and forgets their mounts and devices.

    python3 -m local.node SETTINGS        a JSON file, see ``Settings``
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

PATIENCE = 10.0
"""Seconds that pods and daemons have to end by themselves."""


@dataclass(frozen=True)
class Settings:
    """What this process is told; every field is a string, a list or a mapping of strings."""

    daemons: dict[str, list[str]]
    logs: str
    binds: dict[str, str]
    """Directory seen by the daemons to the directory that it really is."""
    fresh: list[str]
    """Directories emptied at the start, because they tell of processes that are no more."""
    uplink: str
    address: str
    """Of the uplink, with its prefix length."""
    gateway: str
    cgroup: str


class Ended(Exception):
    """Somebody asked this process to end."""


def ip(*words: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *words], check=True)


def prepare_mounts(settings: Settings) -> None:
    """Give the daemons their own directories in places they do not let us choose."""
    # Pods' mounts must reach the daemons and the other way round, as on any node; the machine is out of it.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    for directory in settings.fresh:
        shutil.rmtree(directory, ignore_errors=True)
        Path(directory).mkdir(parents=True)
    for place, real in settings.binds.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        Path(real).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", real, place], check=True)


def prepare_cgroups(name: str) -> None:
    """Make the control group of all pods, in each hierarchy of version 1 or in the only one of version 2."""
    root = Path("/sys/fs/cgroup")
    unified = (root / "cgroup.controllers").exists()
    for hierarchy in [root] if unified else [item for item in root.iterdir() if item.is_dir()]:
        (hierarchy / name).mkdir(exist_ok=True)


def prepare_network(settings: Settings) -> None:
    """Wait for the device that joins us to the machine, and set it up."""
    while not Path(f"/proc/sys/net/ipv4/conf/{settings.uplink}").exists():
        time.sleep(0.05)
    ip("link", "set", "lo", "up")
    ip("address", "add", settings.address, "dev", settings.uplink)
    ip("link", "set", settings.uplink, "up")
    ip("route", "add", "default", "via", settings.gateway)
    # The second: pods on one bridge see each other through the firewall, where NetworkPolicies are enforced.
    for setting in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables"):
        Path("/proc/sys/net", setting).write_text("1")


def start(settings: Settings, name: str) -> int:
    """Start a daemon and return its process id."""
    with (Path(settings.logs) / f"{name}.log").open("a") as log:
        child = subprocess.Popen(
            settings.daemons[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    child.returncode = 0  # this process reaps children itself; Popen must not
    return child.pid


def keep(settings: Settings) -> NoReturn:
    """Start every daemon, start again any that ends, and reap the processes that nobody else does."""
    running = {start(settings, name): name for name in settings.daemons}
    while True:
        pid, status = os.waitpid(-1, 0)
        name = running.pop(pid, None)
        if name:
            code = os.waitstatus_to_exitcode(status)
            print(
                f"{time.strftime('%F %T')} {name} ended with status {code}; it is started again", flush=True
            )
            time.sleep(1)
            running[start(settings, name)] = name


def end_all() -> None:
    """Ask every process of the namespace, pods' included, to end, and wait a while for them."""
    deadline = time.monotonic() + PATIENCE
    os.kill(-1, signal.SIGTERM)
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            return


def on_signal(_number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exception."""
    raise Ended


def main() -> None:
    """Prepare the namespaces, then run the daemons until SIGTERM."""
    signal.signal(signal.SIGTERM, on_signal)
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    try:
        prepare_mounts(settings)
        prepare_cgroups(settings.cgroup)
        prepare_network(settings)
        keep(settings)
    except Ended:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_all()


if __name__ == "__main__":
    main()
