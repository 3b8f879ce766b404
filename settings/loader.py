"""From plain data to dataclasses: strict about keys and types, silent about nothing."""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from settings import rules
from settings.errors import Problem, SettingsError
from settings.model import Settings
from settings.names import camel

CLIENT_SECRET = "clientSecret"
"""The one secret setting; the program reads it as a secret, the loader only learns that it is there."""

_TYPE_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def load(raw: Mapping[str, object], *, stack: str, secrets: frozenset[str] = frozenset()) -> Settings:
    """Return the settings of ``stack`` from ``raw``, its keys below ``coffea-casa:``.

    ``secrets`` names the keys whose value is marked secret. Raises SettingsError
    with all problems at once; what is not set takes the default of its field.
    """
    settings, problems = examine(raw, stack=stack, secrets=secrets)
    if problems or settings is None:
        raise SettingsError(stack, problems)
    return settings


def examine(
    raw: Mapping[str, object], *, stack: str, secrets: frozenset[str] = frozenset()
) -> tuple[Settings | None, list[Problem]]:
    """Return what ``load`` reads, and every problem; no settings where keys or types are wrong."""
    reader = _Reader()
    plain = {key: value for key, value in raw.items() if key != CLIENT_SECRET}
    for key in sorted(secrets & plain.keys()):
        reader.problem(key, "is marked secret", f"write it in plain; only {CLIENT_SECRET} is a secret")
        del plain[key]
    settings = cast(Settings | None, reader.instance(Settings, {"namespace": stack} | plain, ""))
    # Rules compare values with each other, so they need all of them to be of the right type.
    settings = None if reader.problems else settings
    problems = [*reader.problems, *rules.placeholders(plain)]
    has_secret = CLIENT_SECRET in raw
    if has_secret and CLIENT_SECRET not in secrets:
        problems.append(
            Problem(
                CLIENT_SECRET,
                "is written in plain text",
                "run `pulumi config set --secret coffea-casa:clientSecret` and change it at the issuer",
            )
        )
    if settings is not None:
        told = {problem.key for problem in problems}
        found = rules.check(settings, raw, has_secret=has_secret)
        # Of a placeholder it is enough to hear that it is one.
        problems += [problem for problem in found if problem.key not in told]
    return settings, problems


class _Reader:
    """Walks raw data along type hints and collects problems; a wrong value reads as None."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def problem(self, key: str, wrong: str, advice: str) -> None:
        self.problems.append(Problem(key, wrong, advice))

    def instance(self, cls: type[Any], raw: object, key: str) -> object:
        if not isinstance(raw, Mapping):
            self.problem(key, f"{raw!r} is no mapping", f"write keys such as {_some_keys(cls)} below it")
            return None
        data = cast(Mapping[str, object], raw)
        known = {camel(f.name): f for f in fields(cls)}
        prefix = f"{key}." if key else ""
        for name in data:
            if name not in known:
                self.problem(f"{prefix}{name}", "is no setting", _did_you_mean(str(name), known))
        hints = get_type_hints(cls)
        values: dict[str, object] = {}
        before = len(self.problems)
        for name, spec in known.items():
            if name in data:
                values[spec.name] = self.value(hints[spec.name], data[name], f"{prefix}{name}")
            elif _required(spec):
                self.problem(f"{prefix}{name}", "is missing", f"write {_expected(hints[spec.name])}")
        return cls(**values) if len(self.problems) == before else None

    def value(self, hint: Any, raw: object, key: str) -> object:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            if raw is None:
                return None
            return self.value(next(a for a in arguments if a is not type(None)), raw, key)
        if is_dataclass(hint):
            return self.instance(cast(type[Any], hint), raw, key)
        if origin is tuple:
            if not isinstance(raw, list):
                self.problem(key, f"{raw!r} is no list", f"write {_expected(hint)}")
                return None
            items = cast(list[object], raw)
            return tuple(self.value(arguments[0], item, f"{key}[{i}]") for i, item in enumerate(items))
        if origin is Literal:
            if raw not in arguments:
                self.problem(key, f"{raw!r} is none of the choices", f"write {_expected(hint)}")
            return raw
        if origin is not None and issubclass(origin, Mapping):
            return self.mapping(raw, key)
        return self.scalar(hint, raw, key)

    def mapping(self, raw: object, key: str) -> object:
        if not isinstance(raw, Mapping):
            self.problem(key, f"{raw!r} is no mapping", "write NAME: text lines below it")
            return None
        data = cast(Mapping[str, object], raw)
        return {name: self.scalar(str, value, f"{key}.{name}") for name, value in data.items()}

    def scalar(self, hint: type[Any], raw: object, key: str) -> object:
        if not _fits(hint, raw):
            self.problem(key, f"{raw!r} is not {_TYPE_NAMES[hint]}", f"write {_expected(hint)}")
        elif isinstance(raw, str) and not (raw.isprintable() and raw == raw.strip()):
            self.problem(key, f"{raw!r} has blanks around it or unprintable letters", "take them out")
        elif raw == "":
            self.problem(key, "is empty", "write text, or leave it out")
        return raw


def _fits(hint: type[Any], raw: object) -> bool:
    # True is an int to Python, but a typing error to an operator.
    if isinstance(raw, bool):
        return hint is bool
    if hint is float:
        return isinstance(raw, int | float) and math.isfinite(raw)
    return isinstance(raw, hint)


def _required(spec: Field[Any]) -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING


def _some_keys(cls: type[Any]) -> str:
    return ", ".join(camel(f.name) for f in fields(cls)[:3])


def _did_you_mean(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"the settings here are {', '.join(known)}"


def _expected(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _expected(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return " or ".join(str(argument) for argument in arguments)
    if origin is tuple:
        return f"a list of {_expected(arguments[0]).removeprefix('a ')}"
    return "a mapping" if is_dataclass(hint) else _TYPE_NAMES.get(hint, "a mapping")
