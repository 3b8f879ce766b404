"""Makes a container image out of one static program: an archive that ``ctr images import`` reads."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path


def layer(program: Path) -> bytes:
    """Return a tar archive with the program at its root and directories that programs expect."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory in ("tmp", "etc"):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(info)
        info = tarfile.TarInfo(program.name)
        info.size, info.mode = program.stat().st_size, 0o755
        with program.open("rb") as content:
            tar.addfile(info, content)
    return buffer.getvalue()


def write(program: Path, reference: str, target: Path) -> None:
    """Write to ``target`` an image called ``reference`` that runs the program as nobody."""
    content = layer(program)
    digest = hashlib.sha256(content).hexdigest()
    config = json.dumps(
        {
            "architecture": _architecture(program),
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65534:65534"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    manifest = json.dumps(
        [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    ).encode()
    with tarfile.open(target, "w") as tar:
        for name, data in (("config.json", config), ("layer.tar", content), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _architecture(program: Path) -> str:
    """Return Go's name for the machine that an ELF program is for, from bytes 18 and 19 of its header."""
    with program.open("rb") as file:
        machine = int.from_bytes(file.read(20)[18:20], "little")
    return {0x3E: "amd64", 0xB7: "arm64"}[machine]
