"""What containers are told to run is in their images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from images.table import ROOT, files
from tests.stacks.checks.pods import pods
from tools.recording import Resource

_IN_IMAGES = "/opt/coffea-casa/"
"""Where images have the project's own run-time code."""


def _image(reference: str) -> str:
    """Return the name, in the table, of a reference."""
    return re.split("[:@]", reference.rsplit("/", 1)[-1])[0]


def _modules(command: Sequence[str]) -> list[str]:
    """Return the files of the modules that ``python -m`` is to run."""
    return [
        command[index + 1].replace(".", "/") + ".py"
        for index, word in enumerate(command[:-1])
        if word == "-m" and command[0].startswith("python")
    ]


def missing_programs(resources: Sequence[Resource], root: Path = ROOT) -> list[str]:
    """Return programs by absolute path, files of ours and Python modules that no image file brings."""
    problems: list[str] = []
    for pod in pods(resources):
        for container in pod.containers:
            image, command = _image(container["image"]), container.get("command", [])
            brought = {str(file.relative_to(root)) for file in files(image)}
            recipe = (root / "images" / image / "Containerfile").read_text()
            ours = [w.partition(_IN_IMAGES)[2] for w in command if _IN_IMAGES in w] + _modules(command)
            problems += [f"{pod.owner}: image {image} has no {path}" for path in ours if path not in brought]
            program = command[0] if command else ""
            if program.startswith("/") and program not in recipe.split():
                problems.append(f"{pod.owner}: the Containerfile of {image} does not bring {program}")
    return problems
