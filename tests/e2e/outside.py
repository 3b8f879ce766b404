"""A computer outside the cluster: a network namespace, joined to this machine by a pair of devices.

It reaches the node as a laptop would, through this machine and by the node's own address. Where the cluster
is another's (no node of ours), this machine itself is as near as one gets.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.config import LINK, NODE_ADDRESS

NAMESPACE, DEVICE, INSIDE = "coffea-laptop", "coffea-lap0", "eth0"
HERE, THERE = "10.98.0.1", "10.98.0.2"
"""This machine's and the laptop's addresses, beside the ranges of local/config.py."""
HOSTS = Path("/etc/netns") / NAMESPACE / "hosts"
"""What `ip netns exec` shows as /etc/hosts (ip-netns(8)): the wildcard of the facility's DNS."""


def _do(*words: str, check: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


@dataclass(frozen=True)
class Computer:
    """Somewhere to run programs that use the facility from outside."""

    home: Path

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command there; its failure is the caller's to judge."""
        return subprocess.run(
            ["ip", "netns", "exec", NAMESPACE, *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            # Neither a proxy nor the settings of this machine's own Dask.
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
        )


@contextmanager
def computer(home: Path, *names: str) -> Iterator[Computer]:
    """Make a computer which finds the facility under these names; what was made goes away at the end."""
    with ExitStack() as stack:
        _do("ip", "netns", "delete", NAMESPACE, check=False)
        _do("ip", "netns", "add", NAMESPACE)
        stack.callback(_do, "ip", "netns", "delete", NAMESPACE)
        _do("ip", "link", "add", DEVICE, "type", "veth", "peer", "name", INSIDE, "netns", NAMESPACE)
        _do("ip", "address", "add", f"{HERE}/30", "dev", DEVICE)
        _do("ip", "link", "set", DEVICE, "up")
        for words in (
            ("address", "add", f"{THERE}/30", "dev", INSIDE),
            ("link", "set", INSIDE, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", HERE),
        ):
            _do("ip", "-netns", NAMESPACE, *words)
        # The cluster's rules let it out; others get in only where the machine forwards anyway.
        passing = ["FORWARD", "-i", DEVICE, "-o", LINK, "-j", "ACCEPT"]
        _do("iptables", "-w", "-I", *passing)
        stack.callback(_do, "iptables", "-w", "-D", *passing)
        for directory in (HOSTS.parent.parent, HOSTS.parent):
            if not directory.exists():
                directory.mkdir()
                stack.callback(directory.rmdir)
        HOSTS.write_text("".join(f"{NODE_ADDRESS} {name}\n" for name in names) + "127.0.0.1 localhost\n")
        stack.callback(HOSTS.unlink)
        yield Computer(home)
