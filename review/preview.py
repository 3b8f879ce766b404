"""Reads what ``pulumi preview --json`` tells (Pulumi: pkg/display.PreviewDigest)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from policy.secrecy import SIGNATURE
from review.change import Change, Json, Operation, masked, shown

_OPERATIONS: Mapping[str, Operation] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import": "import",
    "import-replacement": "replace",
    "read-replacement": "replace",
    "remove-pending-replace": "delete",
    "discard": "forget",
    "discard-replaced": "forget",
}
"""The engine's operations; what is not here ("same", "read", "refresh") changes nothing."""
_NOISE = ("from $PATH at", "rendered YAML will contain a secret")


class PreviewError(ValueError):
    """The text is no answer of the engine."""


@dataclass(frozen=True)
class Preview:
    """What an update would do, without secrets."""

    changes: Sequence[Change]
    failures: Sequence[str] = ()
    """What the engine says went wrong; empty for a preview that ended well."""
    warnings: Sequence[str] = ()
    unchanged: int = 0


def read(text: str) -> Preview:
    """Return a preview; lines before the JSON are passed over. Raises PreviewError where there is none."""
    begin = text.find("{")
    try:
        told = cast(Json, json.JSONDecoder().raw_decode(text[begin:])[0]) if begin >= 0 else None
    except json.JSONDecodeError as error:
        raise PreviewError(f"this is no JSON of the engine: {error}") from None
    if told is None:
        raise PreviewError("the engine told nothing; its own output says why")
    changes: dict[str, Change] = {}
    for step in cast("list[Json]", told.get("steps") or []):
        change = _change(step)
        if change:
            changes[step["urn"]] = _joined(changes.get(step["urn"]), change)
    diagnostics = cast("list[Json]", told.get("diagnostics") or [])
    counted = cast(Json, told.get("changeSummary") or {})
    return Preview(
        changes=[change for _, change in sorted(changes.items())],
        failures=_messages(diagnostics, "error"),
        warnings=_messages(diagnostics, "warning"),
        unchanged=int(counted.get("same", 0)),
    )


def _change(step: Json) -> Change | None:
    operation = _OPERATIONS.get(step["op"])
    old, new = cast(Json, step.get("oldState") or {}), cast(Json, step.get("newState") or {})
    type_ = str((new or old).get("type", ""))
    if operation is None or type_ == "pulumi:pulumi:Stack":
        return None
    going = step["op"] in ("delete", "delete-replaced", "discard", "discard-replaced")
    return Change(
        operation=operation,
        type=type_,
        name=str(step["urn"]).rsplit("::", 1)[-1],
        old=shown(type_, old.get("inputs") or {}),
        new={} if going else shown(type_, new.get("inputs") or {}),
        touched=sorted({*(step.get("detailedDiff") or {}), *(step.get("diffReasons") or [])}),
        forcing=sorted(step.get("replaceReasons") or []),
        # Of what goes away it is the old protection that the engine heeds.
        protected=bool((old or new).get("protect")),
        stays_protected=bool(new.get("protect")),
        retained=bool((old or new).get("retainOnDelete")),
    )


def _joined(one: Change | None, other: Change) -> Change:
    """Return one change of the steps that a replacement is told in."""
    if one is None:
        return other
    return Change(
        operation="replace" if "replace" in (one.operation, other.operation) else other.operation,
        type=other.type,
        name=other.name,
        old=one.old or other.old,
        new=one.new or other.new,
        touched=sorted({*one.touched, *other.touched}),
        forcing=sorted({*one.forcing, *other.forcing}),
        protected=one.protected or other.protected,
        stays_protected=one.stays_protected or other.stays_protected,
        retained=one.retained or other.retained,
    )


def _messages(diagnostics: Sequence[Json], severity: str) -> list[str]:
    """Return the messages of a severity, each once, secrets masked line by line."""
    found: dict[str, None] = {}
    for diagnostic in diagnostics:
        message = str(diagnostic.get("message", "")).strip()
        if str(diagnostic.get("severity", "")).partition("#")[0] != severity or not message:
            continue
        if any(noise in message for noise in _NOISE):
            continue
        lines = [_line(line) for line in _without_frames(message.splitlines())]
        found[_place(diagnostic) + "\n".join(lines)] = None
    return list(found)


def _without_frames(lines: Sequence[str]) -> list[str]:
    """Return a message without the frames of a traceback: its last line says what is wrong."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif not (inside and line.startswith(" ")):
            inside = False
            kept.append(line)
    return kept


def _place(diagnostic: Json) -> str:
    urn = str(diagnostic.get("urn", ""))
    type_, _, name = urn.partition("::")[2].partition("::")[2].rpartition("::")
    kind = type_.rsplit(":", 1)[-1]
    return f"{kind} {name}: " if name and kind != "Stack" else ""


def _line(line: str) -> Any:
    return masked(line) if SIGNATURE not in line else masked({SIGNATURE: line})
