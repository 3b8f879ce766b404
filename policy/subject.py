"""A resource as rules see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

Json = Mapping[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One resource with its inputs; what is secret may be in clear or masked, and is never told."""

    type: str
    """Pulumi's type token."""
    name: str
    properties: Json = field(default_factory=dict[str, Any])
    protected: bool = False

    @property
    def kind(self) -> str:
        """Kind of a Kubernetes object; empty for anything else."""
        return self.type.rsplit(":", 1)[-1] if self.type.startswith("kubernetes:") else ""

    @property
    def object_name(self) -> str:
        """Name of the Kubernetes object, or of the resource."""
        return str(at(self.properties, "metadata").get("name") or self.name)

    @property
    def label(self) -> str:
        """Kind and name, for people."""
        return f"{self.type.rsplit(':', 1)[-1]} {self.object_name}"

    @property
    def pod(self) -> Json | None:
        """The specification of the pods that it makes; None for what makes none."""
        spec = at(self.properties, "spec")
        if self.kind == "Pod":
            return spec
        if self.kind == "CronJob":
            return at(spec, "jobTemplate", "spec", "template", "spec")
        return at(spec, "template", "spec") if self.kind in WORKLOADS else None

    @property
    def settings(self) -> Json:
        """What a ConfigMap hands to one of the facility's programs; empty for anything else."""
        text = at(self.properties, "data").get("settings.json") if self.kind == "ConfigMap" else None
        try:
            read: Any = json.loads(text) if isinstance(text, str) else {}
        except json.JSONDecodeError:
            return {}
        return cast(Json, read) if isinstance(read, Mapping) else {}


Rule = Callable[[Subject], list[str]]


def at(value: Any, *path: str) -> Json:
    """Return the object at a path; empty where there is none, or where only an update will know it."""
    for key in path:
        value = cast(Json, value).get(key) if isinstance(value, Mapping) else None
    return cast(Json, value) if isinstance(value, Mapping) else {}


def entries(value: Json, key: str) -> list[Json]:
    """Return the objects of a list in an object."""
    found = value.get(key)
    return (
        [cast(Json, e) for e in cast("list[Any]", found) if isinstance(e, Mapping)]
        if isinstance(found, list)
        else []
    )


def words(value: Json, key: str) -> list[str]:
    """Return the texts of a list in an object."""
    found = value.get(key)
    return [str(entry) for entry in cast("list[Any]", found)] if isinstance(found, list) else []


def containers(pod: Json) -> list[Json]:
    """Return every container of a pod, those that run before the others first."""
    return [*entries(pod, "initContainers"), *entries(pod, "containers")]


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every string, keys of objects not among them."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in cast(Json, value).items():
            yield from texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from texts(item, f"{path}[{index}]")
