"""Everything that arrives at a pod of this machine, as the bytes come from the wire."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LISTEN = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("eth0", 0))
with open(sys.argv[1], "wb", buffering=0) as file:
    print("listening", flush=True)
    while True:
        file.write(wire.recv(2**16))
"""


@dataclass(frozen=True)
class Capture:
    """Frames, one after the other."""

    file: Path

    def __contains__(self, text: str) -> bool:
        return text.encode() in self.file.read_bytes()


def process(*command: str) -> int:
    """Return the id of the one process on this machine with that command line."""
    wanted = b"\0".join(word.encode() for word in command)
    found = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _command_line(entry).startswith(wanted)
    ]
    assert len(found) == 1, f"{len(found)} processes are {' '.join(command)}"
    return found[0]


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


@contextmanager
def listening(pid: int, file: Path) -> Iterator[Capture]:
    """Write down what passes the network of a process, while the block runs."""
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", LISTEN, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "listening\n"
        try:
            yield Capture(file)
        finally:
            listener.kill()
