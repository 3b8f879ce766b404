"""The policy pack for an engine whose Python language host cannot start one.

The host built here (local/modules/pulumi-language-python) is older than the engine, and starts
the program in place of the pack. An engine that has no language host for a pack's runtime
starts ``pulumi-analyzer-policy-RUNTIME`` from PATH (Pulumi: sdk/go/common/resource/plugin,
NewPolicyAnalyzer). So the pack here is the same files under a runtime of its own, whose
starter does what the official host does: the pack's Python, ``-m pulumi.policy``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from local import engine, venv
from local.paths import ROOT, state

PACK = ROOT / "policy"
RUNTIME = "python-venv"
STARTER = """\
#!/bin/sh
# Of local/policy_pack.py: the engine's address and the pack's directory.
exec "{python}" -u -m pulumi.policy "$1" "$2"
"""


def place() -> Path:
    """Return the directory with the pack and its starter."""
    return state() / "policy"


def resolved(arguments: Sequence[str]) -> list[str]:
    """Return the engine's arguments with ``--policy-pack policy`` leading to the pack that it can start."""
    told = list(arguments)
    for index, word in enumerate(told[:-1]):
        if (word, told[index + 1].rstrip("/")) == ("--policy-pack", "policy"):
            venv.make("policy")
            told[index + 1] = str(pack())
    return told


def pack() -> Path:
    """Return the pack that this machine's engine can start, made if need be."""
    if engine.own():
        return PACK
    directory = place() / "pack"
    directory.mkdir(parents=True, exist_ok=True)
    text = (PACK / "PulumiPolicy.yaml").read_text()
    head, _, _ = text.partition("runtime:")
    _write(directory / "PulumiPolicy.yaml", f"{head}runtime: {RUNTIME}\n")
    _write(directory / "__main__.py", f'import runpy\n\nrunpy.run_path("{PACK}", run_name="__main__")\n')
    return directory


def path() -> list[Path]:
    """Return the directories that must be on PATH for the pack."""
    if engine.own():
        return []
    directory = place() / "bin"
    directory.mkdir(parents=True, exist_ok=True)
    starter = directory / f"pulumi-analyzer-policy-{RUNTIME}"
    _write(starter, STARTER.format(python=venv.directory("policy") / "bin" / "python"))
    starter.chmod(0o755)
    return [directory]


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
