"""Secrets are in Secret objects and in the providers that make them, and nowhere else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from policy.secrecy import looks_secret
from tests.stacks.checks.references import texts
from tools.recording import Json, Recorded, Resource, Secret, plain


def _marked(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of the values that are marked secret."""
    if isinstance(value, Secret):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _marked(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _marked(item, f"{path}[{index}]")


def _open_part(resource: Resource) -> Json:
    """Return the inputs of a resource that must not hold secrets."""
    if resource.type.startswith(("tls:", "random:")):
        return {}
    if resource.kind == "Secret":
        return {key: value for key, value in resource.inputs.items() if key not in ("data", "stringData")}
    return resource.inputs


def _holds_secret(value: Any, secrets: frozenset[str]) -> bool:
    encoded = {base64.b64encode(secret.encode()).decode() for secret in secrets}
    return any(
        looks_secret(text) or any(secret in text for secret in secrets | encoded)
        for text in texts(plain(value))
    )


def _without_marked(value: Any) -> Any:
    if isinstance(value, Secret):
        return None
    if isinstance(value, dict):
        return {key: _without_marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_marked(item) for item in value]
    return value


def leaks(recorded: Recorded) -> list[str]:
    """Return places, other than Secrets' data, that hold a secret, whether or not they say so.

    One secret in a pod's specification would also turn the whole of it into "[secret]" in a preview.
    """
    problems: list[str] = []
    for resource in recorded.resources:
        open_part = _open_part(resource)
        problems += [
            f"{resource.type} {resource.name}: {path} is secret" for path in _marked(open_part, "inputs")
        ]
        if _holds_secret(open_part, recorded.secret_values):
            problems.append(f"{resource.type} {resource.name} holds the text of a secret")
        if _holds_secret(resource.urn, recorded.secret_values):
            problems.append(f"{resource.type} {resource.name} has a secret in its URN")
    for name, value in recorded.outputs.items():
        if _holds_secret(_without_marked(value), recorded.secret_values):
            problems.append(f"stack output {name} shows a secret")
    for urn, outputs in recorded.component_outputs.items():
        if _holds_secret(_without_marked(outputs), recorded.secret_values):
            problems.append(f"the outputs of {urn} show a secret")
    return problems


def told_by_id(recorded: Recorded) -> list[str]:
    """Return random values that are their own ids: ids stand in the state in clear."""
    showing = ("RandomBytes", "RandomId", "RandomString", "RandomUuid")
    return [f"{r.type} {r.name}" for r in recorded.resources if r.type.rsplit(":", 1)[-1] in showing]


def unmarked(recorded: Recorded) -> list[str]:
    """Return data of Secret objects that is not marked secret: the state would hold it in clear."""
    problems: list[str] = []
    for resource in recorded.resources:
        if resource.kind != "Secret":
            continue
        for part in ("data", "stringData"):
            value = resource.inputs.get(part, {})
            if not isinstance(value, Secret):
                problems += [
                    f"Secret {resource.metadata_name}: {key} is not marked secret"
                    for key, item in value.items()
                    if not isinstance(item, Secret)
                ]
    return problems
