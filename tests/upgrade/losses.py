"""What an upgrade would lose: pure functions of the engine's state before and the resources of today.

Which changes make the Kubernetes provider delete an object and make it anew is its own list
(pulumi-kubernetes 4.25, provider/pkg/provider/diff.go, ``forceNew``); that of passwords and keys is the
stand-ins', which follow the official providers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from check.amount import amount
from local.plugins import random, tls
from tools.recording import Resource, Secret

Json = Mapping[str, Any]
OF_ANY = ("metadata.name", "metadata.namespace")
FORCING: Mapping[str, tuple[str, ...]] = {
    "PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    "StatefulSet": (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
}
GENERATED = {**random.RESOURCES, **tls.RESOURCES}


def kind(type_: str) -> str:
    """Return the last part of a type token, which is the kind of an object of Kubernetes."""
    return type_.rsplit(":", 1)[-1]


def at(inputs: Any, path: str) -> Any:
    """Return the value at a path with dots, None where there is none."""
    for part in path.split("."):
        inputs = inputs.get(part) if isinstance(inputs, Mapping) else None
    return inputs


def in_bytes(value: Any) -> Any:
    """Return a value with sizes as numbers: the engine's state has 4096Gi as 4Ti."""
    if isinstance(value, Mapping):
        return {
            key: amount(inner) if key == "storage" and isinstance(inner, str) else in_bytes(inner)
            for key, inner in value.items()
        }
    return [in_bytes(inner) for inner in value] if isinstance(value, list) else value


def precious(type_: str, inputs: Json, *, protected: bool) -> bool:
    """Tell whether a resource is protected, or holds data: a replacement would lose something."""
    kinds = ("kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:core/v1:Namespace")
    return protected or type_ in kinds or bool(at(inputs, "spec.volumeClaimTemplates"))


def losses(before: Sequence[Json], today: Sequence[Resource]) -> list[str]:
    """Return what an upgrade would delete, make anew or leave without protection, one line each."""
    by_urn = {urn: resource for resource in today for urn in (*resource.aliases, resource.urn)}
    problems: list[str] = []
    for old in before:
        inputs, protected = old.get("inputs", {}), bool(old.get("protect"))
        if not precious(old["type"], inputs, protected=protected):
            continue
        label = f"{kind(old['type'])} {old['urn'].rsplit('::', 1)[-1]}"
        new = by_urn.get(old["urn"])
        if new is None:
            problems.append(f"{label} would be deleted")
            continue
        if protected and not new.protect:
            problems.append(f"{label} would lose its protection")
        problems += [f"{label} would be made anew for its {path}" for path in _forcing(old, new)]
    return problems


def _forcing(old: Json, new: Resource) -> Iterator[str]:
    """Yield the paths of inputs whose change has a resource made anew."""
    if old["type"] in GENERATED:
        in_place = GENERATED[old["type"]].in_place
        paths = tuple(sorted({*old["inputs"], *new.inputs} - in_place))
    else:
        paths = (*OF_ANY, *FORCING.get(kind(old["type"]), ()))
    for path in paths:
        was, is_ = in_bytes(at(old.get("inputs"), path)), in_bytes(at(new.inputs, path))
        # Secrets are ciphertext in the state; where they come from is a resource of its own.
        if was != is_ and not isinstance(is_, Secret):
            yield path
