"""Where two values differ: paths to what is old and new, also inside of JSON that is kept as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast


class Absent:
    """Stands where there is no value."""

    def __repr__(self) -> str:
        return "(none)"


ABSENT = Absent()


@dataclass(frozen=True)
class Difference:
    """One place with another value than before."""

    path: str
    old: Any = ABSENT
    new: Any = ABSENT


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Yield the differences of two values, in the order of their paths.

    Entries of lists are known by their ``name`` where all have one, so one more
    container is one difference.
    """
    # A container is looked into though it is equal: to Python 1 is True.
    if type(old) is type(new) and old == new and not isinstance(old, Mapping | list):
        return
    before, after = _parts(old), _parts(new)
    if before is None or after is None or _sort(old) is not _sort(new):
        yield Difference(path, old, new)
        return
    opening = _parts_are_of_text(old)
    for key in sorted({*before, *after}, key=_natural):
        below = f"{path}{opening}{key}" if path or not key.startswith(".") else key[1:]
        yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), below)


def _natural(key: str) -> list[tuple[int, str]]:
    """Sort numbers by their size."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key) if part]


def _sort(value: Any) -> type[object]:
    return Mapping if isinstance(value, Mapping) else cast("type[object]", type(value))


def _parts_are_of_text(value: Any) -> str:
    return " → " if isinstance(value, str) else ""


def _parts(value: Any) -> dict[str, Any] | None:
    """Return what a value is made of, by the piece of path that leads there; None for what has no parts."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return {_key(key): item for key, item in items.items()}
    if isinstance(value, list):
        return _entries(cast("list[Any]", value))
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return {k.removeprefix("."): v for k, v in (_parts(json.loads(value)) or {}).items()}
        except json.JSONDecodeError:
            return None
    return None


def _key(key: str) -> str:
    return f".{key}" if re.fullmatch(r"[\w-]+", key) else f"[{json.dumps(key, ensure_ascii=False)}]"


def _entries(listed: list[Any]) -> dict[str, Any]:
    names = [cast(Any, entry).get("name") if isinstance(entry, Mapping) else None for entry in listed]
    if listed and all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
        return {f"[{name}]": entry for name, entry in zip(names, listed, strict=True)}
    return {f"[{index}]": entry for index, entry in enumerate(listed)}
