"""Turns what a run recorded into YAML for people to read, without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import yaml

from images import table
from tools.recording import UNKNOWN, Json, Recorded, Resource, Secret

REDACTED = "<secret>"


def redact(value: Any) -> Any:
    """Return ``value`` with every value that is marked secret replaced."""
    if isinstance(value, Secret):
        return _blank(value.value)
    if isinstance(value, dict):
        return {key: redact(item) for key, item in cast(Json, value).items()}
    if isinstance(value, list):
        return [redact(item) for item in cast("list[Any]", value)]
    return "<unknown>" if value is UNKNOWN else value


def _blank(value: Any) -> Any:
    # The keys of a Secret are no secret, and a review wants to see them.
    if isinstance(value, dict):
        return {key: _blank(item) for key, item in cast(Json, value).items()}
    return REDACTED


def manifest(resource: Resource) -> Json:
    """Return a Kubernetes object without its secrets."""
    shown = redact(resource.inputs)
    if resource.kind == "Secret":
        # Even what the program forgot to mark.
        shown |= {key: _blank(shown[key]) for key in ("data", "stringData") if key in shown}
    return shown


def stable(value: Any, tags: Callable[[str], str] | None = None) -> Any:
    """Return ``value`` with image tags and checksums replaced: they change with code, not with meaning."""
    text = json.dumps(value)
    for name in table.IMAGES:
        text = text.replace(f"/{name}:{(tags or table.tag)(name)}", f"/{name}:<tag>")
    return _without_checksums(json.loads(text))


def _without_checksums(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "<checksum>" if key.startswith("checksum/") else _without_checksums(item)
            for key, item in cast(Json, value).items()
        }
    if isinstance(value, list):
        return [_without_checksums(item) for item in cast("list[Any]", value)]
    return value


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and nothing as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _represent_text)


def to_yaml(value: Any) -> str:
    """Return ``value`` as YAML with sorted keys."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=110)


def snapshot(recorded: Recorded) -> str:
    """Return a whole stack as one text: the Kubernetes objects, then the keys, certificates and passwords."""
    objects = sorted(recorded.objects, key=lambda resource: (resource.kind, resource.metadata_name))
    made = [r for r in recorded.resources if r.custom and not r.kubernetes]
    documents = [manifest(resource) for resource in objects]
    documents += [{"type": r.type, "name": r.name, "inputs": redact(r.inputs)} for r in made]
    return "".join("---\n" + to_yaml(stable(document)) for document in documents)
