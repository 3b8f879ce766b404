"""An image made of one program."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from local import archive


def _elf(file: Path, machine: int) -> Path:
    file.write_bytes(b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + b"rest")
    return file


def test_the_archive_is_an_image_with_the_program_that_nobody_runs(tmp_path: Path) -> None:
    program = _elf(tmp_path / "tool", 0x3E)
    archive.write(program, "localhost/x/tool:1", tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    (manifest,) = json.loads(content["manifest.json"])
    config = json.loads(content[manifest["Config"]])
    (layer,) = (content[name] for name in manifest["Layers"])
    assert manifest["RepoTags"] == ["localhost/x/tool:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"] == {"Entrypoint": ["/tool"], "User": "65534:65534"}
    assert config["architecture"] == "amd64"
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        info = tar.getmember("tool")
        assert info.mode == 0o755 and tar.extractfile(info).read() == program.read_bytes()  # type: ignore[union-attr]


def test_a_program_for_another_kind_of_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        archive.write(_elf(tmp_path / "tool", 0x08), "x:1", tmp_path / "image.tar")
