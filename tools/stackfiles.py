"""Reads the stack files as the engine does, for runs without one."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast
from unittest import mock

import yaml

from settings.errors import PROJECT
from tools.recording import ROOT, Configuration, Json, Recorded, record

SECRET = "fake-secret-configuration-"
"""Stands, before the key, for each encrypted value: without the passphrase nobody can read it."""


class UnknownStackError(ValueError):
    """There is no stack file of that name."""


def stacks(root: Path = ROOT) -> list[str]:
    """Return the names of the stacks that have a file."""
    return sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml"))


def _read(path: Path) -> Json:
    return cast("Json | None", yaml.safe_load(path.read_text())) or {}


def _text(value: Any) -> str:
    """Return a value as the engine hands it to the program: text, or JSON of anything else."""
    return value if isinstance(value, str) else json.dumps(value)


def _reveal(value: Any, key: str) -> tuple[Any, bool]:
    """Return ``value`` with each ``{secure: ...}`` replaced, and whether there was one."""
    if isinstance(value, dict):
        items = cast(Json, value)
        if set(items) == {"secure"}:
            return SECRET + key, True
        revealed = {name: _reveal(item, f"{key}.{name}") for name, item in items.items()}
        return {name: item for name, (item, _) in revealed.items()}, any(s for _, s in revealed.values())
    if isinstance(value, list):
        listed = [_reveal(item, f"{key}[{index}]") for index, item in enumerate(cast("list[Any]", value))]
        return [item for item, _ in listed], any(s for _, s in listed)
    return value, False


def _full(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def configuration(stack: str, root: Path = ROOT) -> tuple[str, Configuration]:
    """Return the project's name and the configuration of a stack: defaults of Pulumi.yaml, then its file.

    A stack with an external issuer gets a stand-in for the client secret its file may leave out.
    Raises UnknownStackError for a stack without a file.
    """
    file = root / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        known = ", ".join(stacks(root)) or "none"
        raise UnknownStackError(f"no stack {stack!r}: {file.name} does not exist; the stacks are {known}")
    project_file = _read(root / "Pulumi.yaml")
    project = str(project_file["name"])
    values: Json = {}
    declared: Json = project_file.get("config") or {}
    for key, declaration in declared.items():
        if isinstance(declaration, dict) and "default" in declaration:
            values[_full(project, key)] = declaration["default"]
    secrets: set[str] = set()
    given: Json = _read(file).get("config") or {}
    for key, raw in given.items():
        full = _full(project, key)
        values[full], secret = _reveal(raw, key.rsplit(":", 1)[-1])
        if secret:
            secrets.add(full)
    identity = values.get(f"{project}:identity")
    client_secret = f"{project}:clientSecret"
    if isinstance(identity, dict) and "issuer" in identity and client_secret not in values:
        values[client_secret] = SECRET + "clientSecret"
        secrets.add(client_secret)
    texts = {key: _text(value) for key, value in values.items()}
    return project, Configuration(values=texts, secrets=frozenset(secrets))


def settings_of(text: str) -> tuple[Json, frozenset[str]]:
    """Return the keys of a stack file's text that are the project's, as ``settings.load`` takes them.

    With them come the names of those that are secret.
    """
    prefix = f"{PROJECT}:"
    parsed = cast("Json | None", yaml.safe_load(text)) or {}
    given: Json = parsed.get("config") or {}
    revealed = {
        key.removeprefix(prefix): _reveal(value, key.removeprefix(prefix))
        for key, value in given.items()
        if key.startswith(prefix)
    }
    return (
        {key: value for key, (value, _) in revealed.items()},
        frozenset(key for key, (_, secret) in revealed.items() if secret),
    )


def run_stack(
    stack: str,
    root: Path = ROOT,
    *,
    preview: bool = False,
    regenerated: Collection[str] = (),
    changes: Json | None = None,
) -> Recorded:
    """Run the project's program with a stack's own file and return what it registered (see ``record``).

    ``changes`` replaces settings: full key without the project's name, dots between the
    parts ("hub.idleTimeout"), to value.
    """
    project, config = configuration(stack, root)
    values = dict(config.values)
    for path, value in (changes or {}).items():
        key, *inner = path.split(".")
        full = f"{project}:{key}"
        if not inner:
            values[full] = _text(value)
            continue
        tree: Json = json.loads(values.get(full, "{}"))
        leaf = tree
        for part in inner[:-1]:
            leaf = leaf.setdefault(part, {})
        leaf[inner[-1]] = value
        values[full] = json.dumps(tree)
    changed = Configuration(values=values, secrets=config.secrets)

    def program() -> None:
        with mock.patch.object(sys, "path", [str(root), *sys.path]):
            runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    return record(
        program, project=project, stack=stack, config=changed, preview=preview, regenerated=regenerated
    )
