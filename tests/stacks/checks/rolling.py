"""Pods roll exactly when what they mount changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.stacks.checks.pods import pods
from tests.stacks.checks.references import references
from tools.recording import Json, Recorded, Resource


def _templates(resources: Sequence[Resource]) -> dict[str, Json]:
    return {
        f"{r.kind}/{r.metadata_name}": r.manifest["spec"]["template"]
        for r in resources
        if "template" in r.manifest.get("spec", {})
    }


def changed_configuration(before: Recorded, after: Recorded) -> set[tuple[str, str]]:
    """Return (kind, name) of the ConfigMaps and Secrets whose content differs between two runs."""

    def content(recorded: Recorded) -> dict[tuple[str, str], tuple[object, object]]:
        return {
            (r.kind, r.metadata_name): (r.manifest.get("data"), r.manifest.get("stringData"))
            for r in recorded.objects
            if r.kind in ("ConfigMap", "Secret")
        }

    old, new = content(before), content(after)
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def wrong_rolls(before: Recorded, after: Recorded, exceptions: Collection[tuple[str, str]] = ()) -> list[str]:
    """Return workloads whose pods would miss a change, or roll for none of theirs.

    ``exceptions`` are (workload, ConfigMap or Secret) whose changes may be missed.
    """
    changed = changed_configuration(before, after)
    old, new = _templates(before.objects), _templates(after.objects)
    problems: list[str] = []
    for pod in pods(after.objects):
        if pod.owner not in old:
            continue
        mounted = {(kind, name) for kind, name, _ in references(pod)} & changed
        mounted = {(kind, name) for kind, name in mounted if (pod.owner, name) not in exceptions}
        rolls = old[pod.owner] != new[pod.owner]
        if mounted and not rolls:
            names = ", ".join(sorted(name for _, name in mounted))
            problems.append(f"{pod.owner} does not roll when {names} changes: no checksum of it")
        if rolls and not mounted:
            problems.append(f"{pod.owner} rolls though nothing it mounts has changed")
    return problems
