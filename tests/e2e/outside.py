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


@dataclass(frozen=True)
class Place:
    """A network namespace and its way to this machine."""

    namespace: str
    device: str
    """This machine's end of the pair."""
    here: str
    there: str
    """This machine's and the computer's addresses, beside the ranges of local/config.py."""

    @property
    def hosts(self) -> Path:
        """What `ip netns exec` shows as /etc/hosts (ip-netns(8)): the wildcard of the facility's DNS."""
        return Path("/etc/netns") / self.namespace / "hosts"


LAPTOP = Place("coffea-laptop", "coffea-lap0", "10.98.0.1", "10.98.0.2")
INSIDE = "eth0"


def _do(*words: str, check: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


@dataclass(frozen=True)
class Computer:
    """Somewhere to run programs that use the facility from outside."""

    home: Path
    place: Place = LAPTOP

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command there; its failure is the caller's to judge."""
        return subprocess.run(
            ["ip", "netns", "exec", self.place.namespace, *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            # Neither a proxy nor the settings of this machine's own Dask.
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
        )


@contextmanager
def computer(home: Path, *names: str, place: Place = LAPTOP) -> Iterator[Computer]:
    """Make a computer which finds the facility under these names; what was made goes away at the end."""
    with ExitStack() as stack:
        name, device = place.namespace, place.device
        # What a run that was killed left behind: the device outlives its namespace for a while.
        _do("ip", "netns", "delete", name, check=False)
        _do("ip", "link", "delete", device, check=False)
        _do("ip", "netns", "add", name)
        stack.callback(_do, "ip", "netns", "delete", name)
        _do("ip", "link", "add", device, "type", "veth", "peer", "name", INSIDE, "netns", name)
        _do("ip", "address", "add", f"{place.here}/30", "dev", device)
        _do("ip", "link", "set", device, "up")
        for words in (
            ("address", "add", f"{place.there}/30", "dev", INSIDE),
            ("link", "set", INSIDE, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", place.here),
        ):
            _do("ip", "-netns", name, *words)
        # The cluster's rules let it out; others get in only where the machine forwards anyway.
        passing = ["FORWARD", "-i", device, "-o", LINK, "-j", "ACCEPT"]
        _do("iptables", "-w", "-I", *passing)
        stack.callback(_do, "iptables", "-w", "-D", *passing)
        hosts = place.hosts
        for directory in (hosts.parent.parent, hosts.parent):
            if not directory.exists():
                directory.mkdir()
                stack.callback(directory.rmdir)
        hosts.write_text("".join(f"{NODE_ADDRESS} {name}\n" for name in names) + "127.0.0.1 localhost\n")
        stack.callback(hosts.unlink)
        yield Computer(home, place)
