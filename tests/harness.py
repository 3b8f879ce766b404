"""Runs of the real program that tests share, and copies of what they recorded with a mistake put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache

from tools.recording import Json, Recorded, Resource
from tools.stackfiles import run_stack, stacks

STACKS = stacks()
"""Every stack there is a file for."""


@cache
def recorded(stack: str, *, preview: bool = False) -> Recorded:
    """Return one run of a stack, the same one to every test: do not change it."""
    return run_stack(stack, preview=preview)


def edited(
    resources: Sequence[Resource], kind: str, name: str, edit: Callable[[Json], object]
) -> list[Resource]:
    """Return a copy with ``edit`` applied to the inputs of one Kubernetes object.

    Raises LookupError if there is no such object, so that no negative test passes by a renaming.
    """
    found = [resource for resource in resources if (resource.kind, resource.metadata_name) == (kind, name)]
    if len(found) != 1:
        raise LookupError(f"{len(found)} objects {kind} {name}")
    inputs = deepcopy(found[0].inputs)
    edit(inputs)
    return [replace(r, inputs=inputs) if r is found[0] else r for r in resources]


def without(resources: Sequence[Resource], kind: str, name: str) -> list[Resource]:
    """Return the resources but one Kubernetes object; LookupError if it is not there."""
    kept = [resource for resource in resources if (resource.kind, resource.metadata_name) != (kind, name)]
    if len(kept) != len(resources) - 1:
        raise LookupError(f"no object {kind} {name}")
    return kept
