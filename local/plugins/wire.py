"""Properties as the engine sends and gets them: google.protobuf.Struct, with marks for secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from google.protobuf import json_format, struct_pb2

from local.plugins.resource import Properties

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How a secret value is marked (pulumi: sdk/go/common/resource/sig)."""


def read(struct: struct_pb2.Struct) -> Properties:
    """Return the properties of a message, secrets opened."""
    return {name: value for name, value in plain(_values(struct)).items() if value is not None}


def secret_names(struct: struct_pb2.Struct) -> frozenset[str]:
    """Return the properties that are secret, or have something secret in them."""
    return frozenset(name for name, value in _values(struct).items() if _has_secret(value))


def write(properties: Mapping[str, Any], secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Return properties as a message, those of ``secrets`` marked."""
    struct = struct_pb2.Struct()
    struct.update({name: secret(value) if name in secrets else value for name, value in properties.items()})
    return struct


def secret(value: Any) -> Properties:
    """Return a value with the mark of a secret."""
    return {SIGNATURE: SECRET, "value": value}


def _values(struct: struct_pb2.Struct) -> Properties:
    return json_format.MessageToDict(struct)


def plain(value: Any) -> Any:
    """Return a value with secrets opened and whole numbers as ints: in a message all are floats."""
    if isinstance(value, dict):
        items = cast(Properties, value)
        if items.get(SIGNATURE) == SECRET:
            return plain(items["value"])
        return {name: plain(item) for name, item in items.items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        items = cast(Properties, value)
        return items.get(SIGNATURE) == SECRET or any(map(_has_secret, items.values()))
    return isinstance(value, list) and any(map(_has_secret, cast("list[Any]", value)))
