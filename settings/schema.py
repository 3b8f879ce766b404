"""What is generated from the dataclasses: JSON Schema, the table of settings, Pulumi.yaml's declarations."""

from __future__ import annotations

import ast
import inspect
import json
import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from settings import model
from settings.errors import PROJECT
from settings.loader import CLIENT_SECRET
from settings.model import Settings
from settings.names import camel

Json = dict[str, Any]
SECRET_TEXT = "The client's secret at the issuer; set it with `pulumi config set --secret`."


def descriptions(cls: type[Any]) -> dict[str, str]:
    """Return the docstring under each field of a dataclass and of those it extends, as one line."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for base in cls.__bases__:
        if is_dataclass(base):
            found |= descriptions(base)
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Expr)
            and isinstance(field.target, ast.Name)
        ):
            found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def default(spec: Field[Any]) -> Any:
    """Return a field's default as plain data in a stack file's spelling; MISSING when it has none."""
    value = spec.default_factory() if spec.default_factory is not MISSING else spec.default
    return value if value is MISSING else plain(value)


def plain(value: Any) -> Any:
    """Return a setting as a stack file has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(key): plain(item) for key, item in asdict(value).items() if item is not None}
    if isinstance(value, dict):
        items = cast(dict[str, Any], value)
        return {camel(key): plain(item) for key, item in items.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast(list[Any], value)]
    return value


def _bare(hint: Any) -> Any:
    """Return the type beside None."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(argument for argument in get_args(hint) if argument is not type(None))
    return hint


def of_type(hint: Any) -> Json:
    """Return the schema of a type hint."""
    hint = _bare(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return of_dataclass(cast(type[Any], hint))
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": of_type(arguments[0])}
    if origin is not None:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return {"type": names[cast(type[Any], hint)]}


def of_dataclass(cls: type[Any]) -> Json:
    """Return the schema of a dataclass: its keys and no other."""
    hints, texts = get_type_hints(cls), descriptions(cls)
    properties: Json = {}
    required: list[str] = []
    for spec in fields(cls):
        schema = of_type(hints[spec.name]) | {"description": texts[spec.name]}
        value = default(spec)
        if value is MISSING:
            required.append(camel(spec.name))
        elif value is not None:
            schema["default"] = value
        properties[camel(spec.name)] = schema
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def stack_schema() -> Json:
    """Return the JSON Schema of a stack file; keys of other projects and of Pulumi itself are free."""
    settings = of_dataclass(Settings)["properties"]
    keys: Json = {f"{PROJECT}:{name}": schema for name, schema in settings.items()}
    keys[f"{PROJECT}:{CLIENT_SECRET}"] = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
        "description": SECRET_TEXT,
    }
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of a Coffea-casa facility",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": keys,
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:": {}},
                "additionalProperties": False,
            },
            **dict.fromkeys(("encryptionsalt", "secretsprovider", "encryptedkey"), text),
        },
        "additionalProperties": False,
    }


def _shown(hint: Any) -> str:
    hint = _bare(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return f"[{cast(type[Any], hint).__name__}](#{cast(type[Any], hint).__name__.lower()})"
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if origin is tuple:
        return f"list of {_shown(arguments[0])}"
    names = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    return names.get(hint, "NAME: text")


def _section(cls: type[Any]) -> Iterator[str]:
    hints, texts = get_type_hints(cls), descriptions(cls)
    yield f"## {cls.__name__}\n\n{' '.join((cls.__doc__ or '').split())}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for spec in fields(cls):
        value, nested = default(spec), is_dataclass(_bare(hints[spec.name]))
        shown = (
            "" if value is None or nested else "required" if value is MISSING else f"`{json.dumps(value)}`"
        )
        yield f"| `{camel(spec.name)}` | {_shown(hints[spec.name])} | {shown} | {texts[spec.name]} |"
    yield ""


def document() -> str:
    """Return docs/settings.md."""
    defined = (cls for _, cls in inspect.getmembers(model, inspect.isclass) if is_dataclass(cls))
    classes: list[type[Any]] = [cls for cls in defined if cls is not Settings]
    order = sorted(classes, key=lambda cls: inspect.getsourcelines(cls)[1])
    head = (
        "# Settings\n\n"
        "Generated by `make generated` from `settings/model.py`. A stack file has each key of *Settings* as\n"
        f"`{PROJECT}:KEY`; what is below it are the keys of the type it names. The one secret is\n"
        f"`{PROJECT}:{CLIENT_SECRET}`: {SECRET_TEXT[0].lower()}{SECRET_TEXT[1:]}\n"
    )
    lines = [head, *(line for cls in (Settings, *order) for line in _section(cls))]
    return "\n".join(lines).rstrip() + "\n"


def declarations() -> Json:
    """Return Pulumi.yaml's ``config``: type, default and description of each key.

    Pulumi asks for a value where a declaration has no default, so the namespace and the
    secret, which have none, are documented in docs/settings.md alone.
    """
    hints, texts = get_type_hints(Settings), descriptions(Settings)
    return {
        f"{PROJECT}:{camel(spec.name)}": {
            "type": "object",
            "description": texts[spec.name],
            "default": default(spec),
        }
        for spec in fields(Settings)
        if is_dataclass(hints[spec.name])
    }
