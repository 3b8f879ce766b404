"""What a stand-in knows of one resource type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = dict[str, Any]


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

    inputs: frozenset[str]
    create: Callable[[Properties], tuple[str, Properties]]
    """From checked inputs to id and all outputs, inputs included."""
    required: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    secrets: frozenset[str] = frozenset()
    """Properties that are secret in the stack's state."""
    in_place: frozenset[str] = frozenset()
    """Inputs whose change keeps the resource; any other makes a new one."""
    check: Callable[[Properties], None] = _accept
    """Raises CheckError."""
    expired: Callable[[Properties], bool] = _never
    """Whether outputs of an earlier create must be made anew though no input changed."""


def checked(resource: Resource, given: Properties, unknown: object) -> Properties:
    """Return ``given`` with the defaults filled in; raises CheckError.

    ``unknown`` marks values that only the update will know; they are not looked at.
    """
    for name in sorted(given.keys() - resource.inputs):
        raise CheckError(name, f"is no input; the inputs are {', '.join(sorted(resource.inputs))}")
    for name in sorted(resource.required - given.keys()):
        raise CheckError(name, "is required")
    inputs = {**resource.defaults, **{name: value for name, value in given.items() if value is not None}}
    if unknown not in inputs.values():
        resource.check(inputs)
    return inputs


def changed(resource: Resource, old: Properties, new: Properties) -> frozenset[str]:
    """Return the inputs that differ."""
    return frozenset(name for name in resource.inputs if old.get(name) != new.get(name))
