"""What a stand-in knows of one resource type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

Properties = dict[str, Any]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a value that only the update will know (pulumi: UnknownStringValue)."""


class CheckError(ValueError):
    """An input that the official provider refuses too."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


def _accept(_: Properties) -> None:
    pass


def _never(_: Properties) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource type: its inputs, and what to do with them. Names are the official ones."""

    inputs: Mapping[str, type]
    """Name to int, str, bool, dict, or list for a list of texts."""
    create: Callable[[Properties], tuple[str, Properties]]
    """From checked inputs with defaults to id and all outputs, inputs included; raises CheckError."""
    required: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    secrets: frozenset[str] = frozenset()
    """Properties that are secret in the stack's state."""
    in_place: frozenset[str] = frozenset()
    """Inputs whose change keeps the resource; that of any other makes a new one."""
    write_only: frozenset[str] = frozenset()
    """Inputs that are in no output, and whose change goes unnoticed."""
    check: Callable[[Properties], None] = _accept
    """Gets those inputs that are known, with defaults; raises CheckError."""
    expired: Callable[[Properties], bool] = _never
    """Whether outputs of an earlier create must be made anew though no input changed."""
    schema_version: int = 0
    """Of the official provider's state; it migrates a state that does not say the same."""


def complete(resource: Resource, given: Properties) -> Properties:
    """Return ``given`` with the defaults filled in."""
    return {**resource.defaults, **{name: value for name, value in given.items() if value is not None}}


def check(resource: Resource, given: Properties) -> None:
    """Raise CheckError for inputs that the official provider refuses; unknown values pass."""
    for name in sorted(given.keys() - resource.inputs.keys()):
        if not name.startswith("__"):  # the official plugins' own notes, such as __defaults
            raise CheckError(name, f"is no input; the inputs are {', '.join(sorted(resource.inputs))}")
    for name in sorted(resource.required - given.keys()):
        raise CheckError(name, "is required")
    known = {name: value for name, value in given.items() if name in resource.inputs and _known(value)}
    for name, value in known.items():
        if value is not None and not _is_a(value, resource.inputs[name]):
            raise CheckError(name, f"must be of type {resource.inputs[name].__name__}, got {value!r}")
    unknown = given.keys() - known.keys()
    resource.check({name: value for name, value in complete(resource, known).items() if name not in unknown})


def create(resource: Resource, given: Properties) -> tuple[str, Properties]:
    """Return the id and the outputs of a new resource; raises CheckError."""
    identifier, outputs = resource.create(complete(resource, given))
    if resource.schema_version:
        outputs["__meta"] = f'{{"schema_version":"{resource.schema_version}"}}'
    return identifier, {
        name: value
        for name, value in {"id": identifier, **outputs}.items()
        if name not in resource.write_only
    }


def update(resource: Resource, outputs: Properties, given: Properties) -> Properties:
    """Return the outputs after a change of ``in_place`` inputs."""
    inputs = complete(resource, given)
    return outputs | {name: inputs[name] for name in resource.in_place if name in inputs}


def changed(resource: Resource, old: Properties, new: Properties) -> frozenset[str]:
    """Return the inputs that differ; one that is left out is the same as its default."""
    before, after = complete(resource, old), complete(resource, new)
    names = resource.inputs.keys() - resource.write_only
    return frozenset(name for name in names if before.get(name) != after.get(name))


def expired(resource: Resource, outputs: Properties, new: Properties) -> bool:
    """Tell whether a resource must be made anew though no input asks for it."""
    known = {name: value for name, value in complete(resource, new).items() if _known(value)}
    return resource.expired({**outputs, **known})


def _known(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_known, cast(Properties, value).values()))
    if isinstance(value, list):
        return all(map(_known, cast("list[Any]", value)))
    return value != UNKNOWN


def _is_a(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))
    # In Python True is an int.
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
