"""Pods: not privileged, bounded, and of images that stay the same.

Kubernetes: "Pod Security Standards", profile restricted; "Resource Management for Pods and Containers".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from policy.subject import Json, Subject, at, containers, entries

ALLOWED_VOLUMES = {
    "configMap",
    "secret",
    "projected",
    "emptyDir",
    "persistentVolumeClaim",
    "downwardAPI",
    "ephemeral",
}
EXECUTE = "condor-execute"
"""The Deployment whose pods run users' jobs."""
OWN_CLAIMS = re.compile(r"hub-db|home-.*|(queue-condor-schedd|cache-xcache)-[0-9]+")
"""What is the hub's, one user's, the queue's or a cache's."""
BOUNDS = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
"""What every container says. No limit of processor time: requests keep neighbours from each other's."""


def insecure(subject: Subject) -> list[str]:
    """Return breaches of Pod Security "restricted", and root file systems that can be written to."""
    pod = subject.pod
    if pod is None:
        return _forbidden(_at_run_time(subject))
    problems = [f"has {field}" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    problems += _forbidden(entries(pod, "volumes"))
    for container in containers(pod):
        problems += [
            f"container {container.get('name')} {problem}"
            for problem in _insecure_container(container, at(pod, "securityContext"))
        ]
    return problems


def _forbidden(volumes: Iterable[Json]) -> list[str]:
    """Return volumes of kinds that Pod Security "restricted" does not have."""
    return [
        f"volume {volume.get('name')} is of kind {', '.join(sorted(kinds))}"
        for volume in volumes
        if (kinds := set(volume) - {"name"} - ALLOWED_VOLUMES)
    ]


def _at_run_time(subject: Subject) -> list[Json]:
    """Return the volumes of pods that the hub and the gateway make for users."""
    settings = subject.settings
    return [*entries(settings, "volumes"), *entries(at(settings, "session"), "volumes")]


def private(subject: Subject) -> list[str]:
    """Return volumes where users' code runs that hold what is not theirs."""
    jobs = entries(subject.pod or {}, "volumes") if subject.object_name == EXECUTE else []
    claims = {
        str(volume.get("name")): str(at(volume, "persistentVolumeClaim").get("claimName") or "")
        for volume in (*jobs, *_at_run_time(subject))
    }
    return [
        f"volume {name} is the claim {claim}, which is not for users"
        for name, claim in claims.items()
        if OWN_CLAIMS.fullmatch(claim)
    ]


def _insecure_container(container: Json, pod: Json) -> list[str]:
    context = at(container, "securityContext")
    seccomp = at(context, "seccompProfile") or at(pod, "seccompProfile")
    capabilities = at(context, "capabilities")
    rules = {
        "allowPrivilegeEscalation is not false": context.get("allowPrivilegeEscalation") is False,
        "does not drop ALL capabilities": capabilities.get("drop") == ["ALL"],
        "adds capabilities": not capabilities.get("add"),
        "is privileged": not context.get("privileged"),
        "may run as root": context.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
        "runs as user 0": context.get("runAsUser", pod.get("runAsUser")) != 0,
        "has no seccomp profile": seccomp.get("type") in ("RuntimeDefault", "Localhost"),
        "can write to its root file system": context.get("readOnlyRootFilesystem") is True,
        "takes a port of the node": not any("hostPort" in port for port in entries(container, "ports")),
    }
    return [rule for rule, kept in rules.items() if not kept]


def unbounded(subject: Subject) -> list[str]:
    """Return containers without requests or without a memory limit."""
    return [
        f"container {container.get('name')} has no {kind}.{name}"
        for container in containers(subject.pod or {})
        for kind, name in BOUNDS
        if name not in at(container, "resources", kind)
    ]


def pinned(image: str) -> bool:
    """Tell whether an image reference names one image for ever, as far as a registry keeps its tags."""
    if "@sha256:" in image:
        return True
    _, colon, tag = image.rsplit("/", 1)[-1].partition(":")
    return bool(colon) and tag not in ("", "latest")


def floating(subject: Subject) -> list[str]:
    """Return images that may be another one tomorrow, also those of pods that a program makes at run time."""
    found = [str(container.get("image", "")) for container in containers(subject.pod or {})]
    found += _images(subject.settings)
    return [f"image {image or '(none)'} has no fixed tag" for image in found if not pinned(image)]


def _images(value: Any) -> Iterator[str]:
    """Yield every text that is called image."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if key == "image" and isinstance(item, str):
                yield item
            else:
                yield from _images(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _images(item)
