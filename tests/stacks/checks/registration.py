"""How resources are registered: identity, family, place, labels, protection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from policy.protection import irreplaceable, missing
from tests.stacks.checks.hardening import subject
from tests.stacks.checks.pods import COMPONENT, WORKLOADS
from tools.recording import STACK_TYPE, Recorded, Resource

CLUSTER_SCOPED = {"CustomResourceDefinition", "Namespace"}
"""The only kinds outside the facility's namespace."""
SHARED = {"CustomResourceDefinition"}
"""Kinds that every facility of a cluster may install; the same object then."""
PREFIX = "app.kubernetes.io/"
LABELS = {
    f"{PREFIX}{label}" for label in ("name", "instance", "component", "part-of", "version", "managed-by")
}

OF_ONE_FACILITY = {f"{PREFIX}instance", f"{PREFIX}version"}


def _label(resource: Resource) -> str:
    return f"{resource.kind or resource.type} {resource.metadata_name or resource.name}"


def duplicates(resources: Sequence[Resource]) -> list[str]:
    """Return URNs, and (kind, namespace, name) of objects, that are there more than once."""
    urns = Counter(resource.urn for resource in resources)
    objects = Counter(
        (r.kind, r.manifest["metadata"].get("namespace"), r.metadata_name) for r in resources if r.kubernetes
    )
    return [f"{times} times {item}" for item, times in (*urns.items(), *objects.items()) if times > 1]


def orphans(resources: Sequence[Resource]) -> list[str]:
    """Return resources without a component, components inside others, and tokens of a wrong shape."""
    problems: list[str] = []
    for resource in resources:
        top = f"::{STACK_TYPE}::" in resource.parent or not resource.parent
        provider = resource.type.startswith("pulumi:providers:")
        if resource.custom and not provider and "::coffea-casa:index:" not in resource.parent.split("$")[0]:
            problems.append(f"{resource.type} {resource.name} belongs to no component")
        if (provider or not resource.custom) and not top:
            problems.append(f"{resource.type} {resource.name} is not at the top")
        if not resource.custom and not resource.type.startswith("coffea-casa:index:"):
            problems.append(f"{resource.type} {resource.name} has a token of another package")
    return problems


def unfinished(recorded: Recorded) -> list[str]:
    """Return components that did not call register_outputs."""
    return [
        f"{resource.type} {resource.name}"
        for resource in recorded.resources
        if not resource.custom and resource.urn not in recorded.component_outputs
    ]


def misplaced(resources: Sequence[Resource], namespace: str) -> list[str]:
    """Return objects outside the namespace, of the whole cluster, or sent to an unnamed cluster."""
    problems: list[str] = []
    for resource in resources:
        if not resource.kubernetes:
            continue
        where = resource.manifest["metadata"].get("namespace")
        if resource.kind in CLUSTER_SCOPED:
            if where is not None:
                problems.append(f"{_label(resource)} cannot be in a namespace")
        elif resource.kind.startswith("Cluster"):
            problems.append(f"{_label(resource)} is of the whole cluster")
        elif where != namespace:
            problems.append(f"{_label(resource)} is in namespace {where}")
        if "::pulumi:providers:kubernetes::" not in resource.provider:
            problems.append(f"{_label(resource)} goes to whatever cluster the kubeconfig happens to name")
    return problems


def unlabelled(resources: Sequence[Resource], namespace: str) -> list[str]:
    """Return objects without the six labels, and selectors on labels that may change.

    What facilities share is no facility's: it has neither instance nor version.
    """
    problems: list[str] = []
    for resource in resources:
        if not resource.kubernetes:
            continue
        labels = resource.manifest["metadata"].get("labels", {})
        wanted = LABELS - OF_ONE_FACILITY if resource.kind in SHARED else LABELS
        if missing := wanted - set(labels):
            problems.append(f"{_label(resource)} lacks {', '.join(sorted(missing))}")
        elif surplus := set(labels) & OF_ONE_FACILITY - wanted:
            problems.append(f"{_label(resource)} is shared, and has {', '.join(sorted(surplus))}")
        elif resource.kind not in SHARED and labels[f"{PREFIX}instance"] != namespace:
            problems.append(f"{_label(resource)} says it is of {labels[f'{PREFIX}instance']}")
        if resource.kind in WORKLOADS - {"Job"}:
            spec = resource.manifest["spec"]
            selector = spec["selector"]["matchLabels"]
            if selector != {COMPONENT: labels.get(COMPONENT)}:
                problems.append(f"{_label(resource)} selects by {selector}, not by its component alone")
            if not selector.items() <= spec["template"]["metadata"]["labels"].items():
                problems.append(f"{_label(resource)} does not select its own pods")
    return problems


def unprotected(resources: Sequence[Resource]) -> list[str]:
    """Return identity and data that a careless change could delete."""
    wanted = [resource for resource in resources if irreplaceable(subject(resource))]
    problems = [f"{_label(one)} {problem}" for one in wanted for problem in missing(subject(one))]
    kinds = {resource.kind or resource.type.split(":")[0] for resource in wanted}
    for kind in ("Namespace", "PersistentVolumeClaim", "random", "tls"):
        if kind not in kinds:
            problems.append(f"no {kind} to protect: has it another name now?")
    return problems


def moved(urns: Collection[str], frozen: Collection[str]) -> list[str]:
    """Compare URNs with the frozen list: Pulumi would delete what left it and make anew what is not in it."""
    problems = [f"{urn} left the list" for urn in sorted(set(frozen) - set(urns))]
    return problems + [f"{urn} is not in the list" for urn in sorted(set(urns) - set(frozen))]
