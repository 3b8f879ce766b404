"""What the cluster needs of the machine's own network, and how it is put back as it was found.

Everything else that Kubernetes does to a network happens in the cluster's own
namespace (local/node.py). Here are the pair of devices that joins the two, a few
firewall rules that carry our mark, and some kernel settings whose first values
are written down before they are changed.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.config import HOST_ADDRESS, LINK, NODE_ADDRESS, NODE_PORTS, POD_RANGE, SERVICE_RANGE, UPLINK
from local.shell import StepError, answer

MARK = "coffea-casa"
"""Comment of our firewall rules: how they are told from the machine's own."""

KERNEL = {
    "net.ipv4.ip_forward": "1",
}
"""Kernel settings that we change."""

KERNEL_OF_KUBELET = (
    "vm.overcommit_memory",
    "vm.panic_on_oom",
    "kernel.panic",
    "kernel.panic_on_oops",
    "kernel.keys.root_maxkeys",
    "kernel.keys.root_maxbytes",
)
"""Kernel settings that kubelet changes."""

LEFT_BEHIND = (
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/log/containers",
    "/run/containerd",
)
"""Mount points of the cluster's namespace, seen outside as empty directories."""


def rules() -> list[tuple[str, str, list[str]]]:
    """Return our firewall rules: table, chain, words."""
    node = ["-s", f"{NODE_ADDRESS}/32", "!", "-o", LINK]
    return [
        # A port of the node answers on this machine's localhost, and on no other address of it.
        (
            "nat",
            "OUTPUT",
            [
                "-d",
                "127.0.0.1/32",
                "-p",
                "tcp",
                "--dport",
                NODE_PORTS,
                "-j",
                "DNAT",
                "--to-destination",
                NODE_ADDRESS,
            ],
        ),
        ("nat", "POSTROUTING", ["-s", "127.0.0.0/8", "-o", LINK, "-j", "MASQUERADE"]),
        # The cluster reaches what this machine reaches.
        ("nat", "POSTROUTING", [*node, "-j", "MASQUERADE"]),
        ("filter", "FORWARD", ["-i", LINK, "-j", "ACCEPT"]),
        (
            "filter",
            "FORWARD",
            ["-o", LINK, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
        ),
    ]


def _ours(words: list[str]) -> list[str]:
    """Return the rule with our mark, which goes before the target."""
    where = words.index("-j")
    return [*words[:where], "-m", "comment", "--comment", MARK, *words[where:]]


def sysctl(name: str) -> Path:
    """Return the file of a kernel setting."""
    return Path("/proc/sys") / name.replace(".", "/")


def tables(saved: str) -> set[str]:
    """Return the tables named in what iptables-save prints."""
    return set(re.findall(r"^\*(\w+)$", saved, re.MULTILINE))


def marked(saved: str) -> list[tuple[str, list[str]]]:
    """Return the rules with our mark in what iptables-save prints: table, then chain and words."""
    found: list[tuple[str, list[str]]] = []
    table = ""
    for line in saved.splitlines():
        words = line.split()
        table = line[1:] if line.startswith("*") else table
        if words[:1] == ["-A"] and any(pair == ("--comment", MARK) for pair in itertools.pairwise(words)):
            found.append((table, words[1:]))
    return found


def find() -> dict[str, object]:
    """Return what is found on the machine and will be changed."""
    names = [name for name in (*KERNEL, *KERNEL_OF_KUBELET) if sysctl(name).exists()]
    return {
        "kernel": {name: sysctl(name).read_text().strip() for name in names},
        "tables": sorted(tables(answer(["iptables-save"]) or "")),
        "directories": [path for path in LEFT_BEHIND if Path(path).exists()],
    }


def record(file: Path) -> None:
    """Write down what is found, once: what a later start finds is our own doing."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(find(), indent=2) + "\n")
        part.rename(file)


def overlapping(routes: Iterable[str]) -> list[str]:
    """Return those of the machine's routes, as ``ip route`` prints them, that touch the cluster's ranges."""
    ours = [
        ipaddress.ip_network(text, strict=False) for text in (POD_RANGE, SERVICE_RANGE, f"{HOST_ADDRESS}/30")
    ]
    return [
        route
        for route in routes
        if route and route[0].isdigit() and any(ipaddress.ip_network(route).overlaps(one) for one in ours)
    ]


def check() -> None:
    """Raise StepError where the machine cannot carry the cluster's network."""
    for module in ("overlay", "br_netfilter"):
        answer(["modprobe", module])
    if not sysctl("net.bridge.bridge-nf-call-iptables").exists():
        raise StepError(
            "this kernel has no br_netfilter, without which NetworkPolicies between pods are not enforced.\n"
            "To do: install the kernel's modules (modprobe br_netfilter) and run the same command again."
        )
    told = (answer(["ip", "-4", "route", "show"]) or "").splitlines()
    clash = overlapping(line.split()[0] for line in told if f"dev {LINK}" not in line)
    if clash:
        raise StepError(
            f"this machine's routes to {', '.join(clash)} overlap the cluster's addresses "
            f"({POD_RANGE}, {SERVICE_RANGE}, {HOST_ADDRESS}/30): change them in local/config.py"
        )


def join(pid: int) -> None:
    """Join the network namespace of process ``pid`` to the machine: devices, rules, kernel settings."""
    for name, value in KERNEL.items():
        sysctl(name).write_text(value)
    if not joined(pid):
        remove_link()
        _do("ip", "link", "add", LINK, "type", "veth", "peer", "name", UPLINK, "netns", str(pid))
        _do("ip", "address", "add", f"{HOST_ADDRESS}/30", "dev", LINK)
        _do("ip", "link", "set", LINK, "up")
        # On this device alone: lets a connection to 127.0.0.1 be sent on to the node.
        sysctl(f"net.ipv4.conf.{LINK}.route_localnet").write_text("1")
    for words in rules_missing():
        _do(*words)


def remove_link() -> None:
    """Remove the machine's end of the pair of devices, if it is there.

    It goes with the cluster's namespace, but only when the kernel gets round to that: it may
    still be there long after a crash, and go between a look at it and its removal.
    """
    answer(["ip", "link", "delete", LINK])
    if answer(["ip", "link", "show", LINK]) is not None:
        raise StepError(f"the network device {LINK} cannot be removed: try ip link delete {LINK}")


def joined(pid: int) -> bool:
    """Tell whether the network namespace of process ``pid`` has the cluster's end of the pair of devices."""
    devices = Path(f"/proc/{pid}/net/dev").read_text().splitlines()
    return any(line.split(":")[0].strip() == UPLINK for line in devices)


def rules_missing() -> list[list[str]]:
    """Return the commands that add those of our rules that are not there."""
    wanted: list[list[str]] = []
    for table, chain, words in rules():
        rule = _ours(words)
        if answer(["iptables", "-w", "-t", table, "-C", chain, *rule]) is None:
            wanted.append(["iptables", "-w", "-t", table, "-I", chain, *rule])
    return wanted


def leave(file: Path) -> None:
    """Put back what ``record`` wrote down; the devices went away with the cluster's namespace."""
    remove_link()
    for table, rule in marked(answer(["iptables-save"]) or ""):
        _do("iptables", "-w", "-t", table, "-D", *rule)
    if not file.exists():
        return
    found = json.loads(file.read_text())
    restore_kernel(found["kernel"])
    remove_tables(set(found["tables"]))
    for path in LEFT_BEHIND:
        if path not in found["directories"] and Path(path).is_dir() and not any(Path(path).iterdir()):
            Path(path).rmdir()
    file.unlink()


def restore_kernel(found: Mapping[str, str]) -> None:
    """Set the kernel settings to what they were."""
    for name, value in found.items():
        if sysctl(name).read_text().strip() != value:
            sysctl(name).write_text(value)


def remove_tables(found: set[str]) -> None:
    """Remove the empty firewall tables that our rules brought into being (nothing else removes them)."""
    saved = answer(["iptables-save"]) or ""
    for table in tables(saved) - found:
        body = saved.partition(f"*{table}\n")[2].partition("COMMIT")[0]
        if "-A " not in body and not re.search(r"^:\S+ -", body, re.MULTILINE):
            answer(["nft", "delete", "table", "ip", table])


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise StepError(f"{' '.join(words)} failed: {done.stderr.strip()}")
