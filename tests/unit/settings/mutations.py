"""Wrong stack files, made from the dataclasses themselves: a setting that is added is covered at once."""

from __future__ import annotations

import copy
import random
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from settings import Settings
from settings.names import camel

SEED = 2026
SIZE = re.compile(r"[0-9]+[KMGT]i")
Tree = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutation:
    """A stack file with one wrong value in it."""

    kind: str
    key: str
    """Of the wrong value, as the refusal must name it."""
    raw: Tree

    def __str__(self) -> str:
        return f"{self.kind}: {self.key}"


@dataclass(frozen=True)
class Leaf:
    """A place in a stack file: a value, or a section."""

    path: Path
    hint: Any
    optional: bool
    required: bool
    default: object


def bare(hint: Any) -> Any:
    """Return the type beside None."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(argument for argument in get_args(hint) if argument is not type(None))
    return hint


def right(hint: Any) -> Any:
    """Return a value of a type: of a section its required keys, of a list one item."""
    hint = bare(hint)
    if is_dataclass(hint):
        return section(cast(type[Any], hint))
    if get_origin(hint) is tuple:
        return [right(get_args(hint)[0])]
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    return {str: "sample", int: 1, float: 1.0, bool: False}.get(hint, {})


def section(cls: type[Any]) -> Tree:
    """Return a section with what it must have, and with every section and list of sections below it."""
    hints = get_type_hints(cls)
    return {
        camel(field.name): right(hints[field.name])
        for field in fields(cls)
        if not _has_default(field) or _leads_on(hints[field.name])
    }


def _has_default(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _leads_on(hint: Any) -> bool:
    hint = bare(hint)
    return is_dataclass(hint) or (get_origin(hint) is tuple and is_dataclass(get_args(hint)[0]))


def leaves(cls: type[Any], path: Path = ()) -> Iterator[Leaf]:
    """Yield every place of a section, in the order of the fields."""
    hints = get_type_hints(cls)
    for field in fields(cls):
        hint, here = hints[field.name], (*path, camel(field.name))
        default = field.default if field.default is not MISSING else None
        yield Leaf(here, bare(hint), bare(hint) is not hint, not _has_default(field), default)
        yield from inner(bare(hint), here)


def inner(hint: Any, path: Path) -> Iterator[Leaf]:
    """Yield the places in a value."""
    if is_dataclass(hint):
        yield from leaves(cast(type[Any], hint), path)
    elif get_origin(hint) is tuple:
        item = get_args(hint)[0]
        yield Leaf((*path, 0), item, False, False, None)
        yield from inner(item, (*path, 0))


def key(path: Path) -> str:
    """Return a place as refusals write it: session.profiles[0].name."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def changed(path: Path, value: Any) -> Tree:
    """Return a file that has all sections, with one value in one place."""
    raw = base()
    node: Any = raw
    for part, following in zip(path, path[1:], strict=False):
        if isinstance(node, dict) and part not in node:
            node[part] = [None] if isinstance(following, int) else {}
        node = node[part]
    node[path[-1]] = value
    return raw


def base() -> Tree:
    """Return a file with every section and every key that must be there; of the right types at least."""
    return copy.deepcopy(section(Settings)) | {"namespace": "sample"}


WRONG_TYPES: Mapping[Any, list[Any]] = {
    str: [7, True, 1.5, ["a"], {"a": "b"}],
    int: ["7", True, 1.5, [1], {"a": 1}],
    float: ["1.5", True, [1.5], float("nan"), float("inf")],
    bool: ["yes", 1, 0, "true", []],
}


def wrong_types(leaf: Leaf) -> list[Any]:
    """Return values that are not of a place's type."""
    if is_dataclass(leaf.hint):
        return [7, "text", ["a"], True]
    if get_origin(leaf.hint) is tuple:
        return ["a,b", {"a": "b"}, 7, True]
    if get_origin(leaf.hint) is Literal:
        return ["nonsense", 7, "", [get_args(leaf.hint)[0]]]
    return WRONG_TYPES.get(leaf.hint, [["a"], "text", 7])


TEXTS: Mapping[str, list[str]] = {
    "empty": [""],
    "control characters": ["a\nb", "a\x00b", "a\x1b[0m", "a\tb", "a\u202eb"],
    "blanks around": [" a", "a ", "\u00a0a"],
    "placeholder": [
        "CHANGEME",
        "change-me",
        "<host>",
        "https://<host>/x",
        "REPLACE_ME",
        "TODO",
        "${HOST}",
        "xxx",
    ],
}
SIZES = ["2G", "0Gi", "-1Gi", "big", "1.5Gi", "2", "2 Gi", "Gi"]
NUMBERS = [-1, -(10**9), 10**12]


def mutations() -> list[Mutation]:
    """Return all of them; the same ones each time."""
    dice = random.Random(SEED)
    found: list[Mutation] = []

    def add(kind: str, path: Path, value: Any) -> None:
        found.append(Mutation(kind, key(path), changed(path, value)))

    places = list(leaves(Settings))
    for leaf in places:
        for value in dice.sample(wrong_types(leaf), 2):
            add("wrong type", leaf.path, value)
        if not leaf.optional:
            add("null", leaf.path, None)
        if leaf.hint is str:
            for kind, texts in TEXTS.items():
                add(kind, leaf.path, dice.choice(texts))
            if isinstance(leaf.default, str) and SIZE.fullmatch(leaf.default):
                add("no size", leaf.path, dice.choice(SIZES))
        if leaf.hint in (int, float):
            add("out of range", leaf.path, dice.choice(NUMBERS))
        if is_dataclass(leaf.hint):
            name = camel(dice.choice(fields(cast(type[Any], leaf.hint))).name)
            at = dice.randrange(len(name))
            add("unknown key", (*leaf.path, name[:at] + name[at] + name[at:]), "x")
        if leaf.required and leaf.path != ("namespace",):
            found.append(_without(leaf))
    return found


def _without(leaf: Leaf) -> Mutation:
    raw = base()
    node: Any = raw
    for part in leaf.path[:-1]:
        node = node[part]
    del node[leaf.path[-1]]
    return Mutation("missing", key(leaf.path), raw)
