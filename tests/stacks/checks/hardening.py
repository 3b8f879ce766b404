"""Pods: restricted, bounded, pinned, probed, and without a token they have no use for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.stacks.checks.pods import Pod, pods
from tools.recording import Json, Resource

ALLOWED_VOLUMES = {
    "configMap",
    "secret",
    "projected",
    "emptyDir",
    "persistentVolumeClaim",
    "downwardAPI",
    "ephemeral",
}


def _insecure_container(container: Json, pod: Json) -> list[str]:
    context = container.get("securityContext", {})
    seccomp = context.get("seccompProfile") or pod.get("seccompProfile") or {}
    rules = {
        "allowPrivilegeEscalation is not false": context.get("allowPrivilegeEscalation") is False,
        "does not drop ALL capabilities": context.get("capabilities", {}).get("drop") == ["ALL"],
        "adds capabilities": not context.get("capabilities", {}).get("add"),
        "is privileged": not context.get("privileged"),
        "may run as root": context.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
        "runs as user 0": context.get("runAsUser", pod.get("runAsUser")) != 0,
        "has no seccomp profile": seccomp.get("type") in ("RuntimeDefault", "Localhost"),
        "can write to its root file system": context.get("readOnlyRootFilesystem") is True,
        "takes a port of the node": not any("hostPort" in port for port in container.get("ports", [])),
    }
    return [rule for rule, kept in rules.items() if not kept]


def insecure(resources: Sequence[Resource]) -> list[str]:
    """Return breaches of Pod Security "restricted", and root file systems that can be written to."""
    problems: list[str] = []
    for pod in pods(resources):
        for container in pod.containers:
            found = _insecure_container(container, pod.spec.get("securityContext", {}))
            problems += [f"{pod.owner}: container {container['name']} {problem}" for problem in found]
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field):
                problems.append(f"{pod.owner} has {field}")
        for volume in pod.spec.get("volumes", []):
            if kinds := set(volume) - {"name"} - ALLOWED_VOLUMES:
                problems.append(f"{pod.owner}: volume {volume['name']} is of kind {', '.join(sorted(kinds))}")
    return problems


def unbounded(resources: Sequence[Resource]) -> list[str]:
    """Return containers without requests or without a memory limit."""
    problems: list[str] = []
    for pod in pods(resources):
        for container in pod.containers:
            asked = container.get("resources", {})
            for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if name not in asked.get(kind, {}):
                    problems.append(f"{pod.owner}: container {container['name']} has no {kind}.{name}")
    return problems


def _pinned(image: str) -> bool:
    if "@sha256:" in image:
        return True
    _, colon, tag = image.rsplit("/", 1)[-1].partition(":")
    return bool(colon) and tag not in ("", "latest")


def unpinned(pods_: Sequence[Pod]) -> list[str]:
    """Return images that may be another one tomorrow."""
    return [
        f"{pod.owner}: image {container['image']} has no fixed tag"
        for pod in pods_
        for container in pod.containers
        if not _pinned(container["image"])
    ]


def unprobed(resources: Sequence[Resource]) -> list[str]:
    """Return long-running containers of which Kubernetes cannot tell whether they work."""
    return [
        f"{pod.owner}: container {container['name']} has no {probe}"
        for pod in pods(resources)
        if not pod.owner.startswith("Job/")
        for container in pod.spec["containers"]
        for probe in ("readinessProbe", "livenessProbe")
        if not container.get(probe)
    ]


def needless_tokens(resources: Sequence[Resource], reasons: Mapping[str, str]) -> list[str]:
    """Return pods with a token for the Kubernetes API that are not in ``reasons``, and reasons without a pod.

    ServiceAccounts must not hand out tokens by themselves either.
    """
    problems: list[str] = []
    holders = set[str]()
    for pod in pods(resources):
        if pod.spec.get("automountServiceAccountToken") is not False:
            holders.add(pod.owner)
            if pod.owner not in reasons:
                problems.append(f"{pod.owner} has a token for the Kubernetes API without a reason")
    problems += [
        f"{owner} is listed with a reason but has no token" for owner in sorted(set(reasons) - holders)
    ]
    problems += [
        f"ServiceAccount {resource.metadata_name} hands its token to any pod that uses it"
        for resource in resources
        if resource.kind == "ServiceAccount"
        and resource.manifest.get("automountServiceAccountToken") is not False
    ]
    return problems


POWERFUL = {"secrets", "pods/exec", "pods/attach", "roles", "rolebindings", "serviceaccounts/token", "*"}
READING = {"get", "list", "watch"}


def excessive_rights(resources: Sequence[Resource]) -> list[str]:
    """Return cluster-wide rights, wildcards, rights over rights, and the listing of secrets."""
    problems: list[str] = []
    for resource in resources:
        name = f"{resource.kind} {resource.metadata_name}"
        if resource.kind in ("ClusterRole", "ClusterRoleBinding"):
            problems.append(f"{name}: rights in the whole cluster")
        for rule in resource.manifest.get("rules", []) if resource.kind in ("Role", "ClusterRole") else []:
            groups, verbs, kinds = (
                rule.get("apiGroups", []),
                set(rule["verbs"]),
                set(rule.get("resources", [])),
            )
            if "*" in {*groups, *verbs, *kinds}:
                problems.append(f"{name}: a wildcard")
            if kinds & (POWERFUL - {"secrets"}) or verbs & {"escalate", "bind", "impersonate"}:
                problems.append(f"{name}: rights that give more rights ({', '.join(sorted(kinds))})")
            if "secrets" in kinds and verbs & {"list", "watch"}:
                problems.append(f"{name}: reads every secret of the namespace")
    return problems
