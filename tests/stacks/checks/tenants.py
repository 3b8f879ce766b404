"""What facilities in one cluster may share: one CRD, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from tests.stacks.checks.registration import CLUSTER_SCOPED, SHARED
from tools.manifests import manifest, stable
from tools.recording import Resource


def naming(resources: Sequence[Resource], name: str) -> list[str]:
    """Return objects with a text that has ``name`` in it; directories of that name are somebody else's."""
    found: list[str] = []
    for resource in resources:
        text = json.dumps(resource.manifest)
        if name in text.replace(f"/{name}", ""):
            found.append(f"{resource.kind} {resource.metadata_name}")
    return found


def moved(resources: Sequence[Resource], old: str, new: str) -> dict[tuple[str, str], Any]:
    """Return (kind, name) to object as it would be with another namespace, secrets and checksums aside."""
    shown = {(r.kind, r.metadata_name): json.dumps(stable(manifest(r))) for r in resources if r.kubernetes}
    return {
        (kind, new if kind == "Namespace" else name): json.loads(text.replace(old, new))
        for (kind, name), text in shown.items()
    }


def collisions(one: Sequence[Resource], other: Sequence[Resource]) -> list[str]:
    """Return objects of the whole cluster that both have, and that are not the same or would go with one."""
    mine, theirs = ({(r.kind, r.metadata_name): r for r in rs if _clusterwide(r)} for rs in (one, other))
    problems: list[str] = []
    for key in sorted(set(mine) & set(theirs)):
        label = " ".join(key)
        if key[0] not in SHARED:
            problems.append(f"both have {label}")
        elif mine[key].manifest != theirs[key].manifest:
            problems.append(f"{label} is not the same in both")
        elif not (mine[key].retain_on_delete and theirs[key].retain_on_delete):
            problems.append(f"{label} would go with one")
    return problems


def _clusterwide(resource: Resource) -> bool:
    inside = resource.kubernetes and resource.manifest["metadata"].get("namespace")
    return resource.kubernetes and (resource.kind in CLUSTER_SCOPED or not inside)


def node_ports(value: Any) -> Iterator[int]:
    """Yield the ports of nodes that are taken anywhere in a value."""
    if isinstance(value, dict):
        for key, inner in cast(dict[str, Any], value).items():
            if key in ("nodePort", "hostPort", "healthCheckNodePort") and isinstance(inner, int):
                yield inner
            else:
                yield from node_ports(inner)
    elif isinstance(value, list):
        for inner in cast(list[Any], value):
            yield from node_ports(inner)
