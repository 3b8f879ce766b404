"""Writes a stack's manifests as YAML files, in seconds, with Python alone.

    python -m tools.render STACK [DIRECTORY]

One file an object, KIND-NAME.yaml, under DIRECTORY (build/render/STACK unless given).
Secrets are not in them: they read "<secret>", and what only an `up` computes, such as
a CA's certificate, is a stand-in.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from settings import SettingsError
from tools.manifests import manifest, to_yaml
from tools.recording import ROOT, Recorded
from tools.stackfiles import UnknownStackError, run_stack


def files(recorded: Recorded) -> dict[str, str]:
    """Return file name to text for every Kubernetes object of a run."""
    return {f"{r.kind}-{r.metadata_name}.yaml".lower(): to_yaml(manifest(r)) for r in recorded.objects}


def write(directory: Path, texts: dict[str, str]) -> None:
    """Write ``texts`` into ``directory``; YAML files there of objects that are no more go away."""
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.yaml"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text)


def main(arguments: list[str] | None = None) -> int:
    """Render one stack; return the exit status: 2 for a stack that cannot be rendered."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m tools.render", description=summary)
    parser.add_argument("stack", help="a name for which there is a Pulumi.NAME.yaml")
    parser.add_argument("directory", nargs="?", type=Path, help="default: build/render/STACK")
    parsed = parser.parse_args(arguments)
    try:
        texts = files(run_stack(parsed.stack))
    except (UnknownStackError, SettingsError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 2
    directory = parsed.directory or ROOT / "build" / "render" / parsed.stack
    write(directory, texts)
    print(f"{len(texts)} objects of stack {parsed.stack} written to {directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
