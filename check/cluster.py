"""The cluster, as far as its API tells: pure functions of what kubectl prints as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from check.amount import amount
from check.finding import Finding, failed, not_applicable, ok
from settings import Settings

Objects = Sequence[Mapping[str, Any]]
OLDEST = (1, 32)
"""The Kubernetes that the facility needs at least: sidecars of sessions, and what the schema tests know."""
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_DEFAULT_INGRESS = "ingressclass.kubernetes.io/is-default-class"


def version(told: Mapping[str, Any]) -> Finding:
    """Look at what `kubectl version` tells."""
    server = told["serverVersion"]
    # Some providers write "32+".
    found = (int(server["major"]), int(server["minor"].rstrip("+")))
    if found < OLDEST:
        remedy = f"use Kubernetes {OLDEST[0]}.{OLDEST[1]} or newer"
        return failed("cluster", f"it is Kubernetes {server['gitVersion']}", remedy)
    return ok("cluster", f"Kubernetes {server['gitVersion']} answers")


def storage_class(settings: Settings, classes: Objects) -> Finding:
    """Look for the StorageClass of the volumes."""
    name, wanted = "storage class", settings.kubernetes.storage_class
    names = [one["metadata"]["name"] for one in classes]
    listed = ", ".join(names) or "none"
    if wanted is not None:
        if wanted in names:
            return ok(name, f"{wanted} is there")
        remedy = "write one of them as coffea-casa:kubernetes.storageClass"
        return failed(name, f"there is no {wanted}; there are: {listed}", remedy)
    for one in classes:
        if one["metadata"].get("annotations", {}).get(_DEFAULT) == "true":
            return ok(name, f"{one['metadata']['name']} is the default")
    remedy = "write one of them as coffea-casa:kubernetes.storageClass, or make it the default"
    return failed(name, f"the cluster has no default; there are: {listed}", remedy)


def ingress_class(settings: Settings, classes: Objects) -> Finding:
    """Look for the class of the Ingress."""
    name, ingress = "ingress class", settings.public.ingress
    if ingress is None:
        return not_applicable(name, "there is no coffea-casa:public.ingress")
    wanted, names = ingress.class_name, [one["metadata"]["name"] for one in classes]
    remedy = "install a controller, or write one of them as coffea-casa:public.ingress.className"
    if wanted is not None:
        if wanted in names:
            return ok(name, f"{wanted} is there")
        return failed(name, f"there is no {wanted}; there are: {', '.join(names) or 'none'}", remedy)
    if any(one["metadata"].get("annotations", {}).get(_DEFAULT_INGRESS) == "true" for one in classes):
        return ok(name, "the cluster has a default")
    return failed(name, f"the cluster has no default; there are: {', '.join(names) or 'none'}", remedy)


def volumes(settings: Settings, claims: Objects | None) -> Finding:
    """Look for the claims of the site's directories; ``claims`` are none without a namespace."""
    name, wanted = "volumes", settings.session.volumes
    if not wanted:
        return not_applicable(name, "there are no coffea-casa:session.volumes")
    if claims is None:
        listed = ", ".join(volume.claim for volume in wanted)
        why = f"the first `up` makes the namespace {settings.namespace}; make {listed} after it"
        return not_applicable(name, why)
    found = {one["metadata"]["name"]: one for one in claims}
    for volume in wanted:
        if volume.claim not in found:
            remedy = "make the claim (docs/operator.md, Directories of the site's)"
            return failed(name, f"there is no claim {volume.claim} in {settings.namespace}", remedy)
        modes = found[volume.claim]["spec"].get("accessModes", [])
        if not any(mode.endswith("Many") for mode in modes):
            remedy = "make it ReadOnlyMany or ReadWriteMany"
            return failed(name, f"{volume.claim} is {', '.join(modes)}: for one node's pods only", remedy)
        if not volume.read_only and "ReadWriteMany" not in modes:
            remedy = "make it ReadWriteMany, or write readOnly: true"
            return failed(name, f"{volume.claim} is {', '.join(modes)}: nobody could write", remedy)
    return ok(name, f"{', '.join(volume.claim for volume in wanted)}: there")


@dataclass(frozen=True)
class Pod:
    """What a pod asks for: cores and bytes, kept for it and at most."""

    what: str
    cores: float
    memory: float
    cores_limit: float
    memory_limit: float


def pods(settings: Settings) -> list[Pod]:
    """Return the pods that the settings give a size."""
    sessions = [
        Pod(
            f"a session of the profile {profile.name}",
            profile.cores_request,
            amount(profile.memory_request),
            profile.cores,
            amount(profile.memory),
        )
        for profile in settings.session.profiles
    ]
    gateway = settings.dask_gateway
    dask = [
        Pod(what, size.cores_request, amount(size.memory), size.cores, amount(size.memory))
        for what, size in (("a Dask scheduler", gateway.scheduler), ("a Dask worker", gateway.worker))
    ]
    return [*sessions, *dask]


def capacity(settings: Settings, nodes: Objects) -> Finding:
    """See that each pod would fit an empty node; what is free at the moment is not looked at."""
    name = "node sizes"
    usable = [node for node in nodes if not node.get("spec", {}).get("unschedulable")]
    sizes = [
        (node["status"]["allocatable"]["cpu"], node["status"]["allocatable"]["memory"]) for node in usable
    ]
    for pod in pods(settings):
        if not any(pod.cores <= amount(cores) and pod.memory <= amount(memory) for cores, memory in sizes):
            size = f"{pod.cores:g} cores, {pod.memory / 2**30:.1f} GiB"
            return failed(
                name,
                f"{pod.what} ({size}) fits none of {len(usable)} node(s)",
                "lower its coresRequest and memory, or add a larger node",
            )
    return ok(name, f"every pod fits one of {len(usable)} node(s)")


def one_user(settings: Settings) -> dict[str, float]:
    """Return what one user at work takes of a quota: a session, a scheduler, a worker and a home."""
    largest = max(pods(settings)[:-2], key=lambda pod: pod.memory)
    working = [largest, *pods(settings)[-2:]]
    taken = {
        "requests.cpu": sum(pod.cores for pod in working),
        "requests.memory": sum(pod.memory for pod in working),
        "limits.cpu": sum(pod.cores_limit for pod in working),
        "limits.memory": sum(pod.memory_limit for pod in working),
        "pods": float(len(working)),
        "persistentvolumeclaims": 1.0,
        "requests.storage": amount(settings.session.home_size),
    }
    # Kubernetes, "Resource Quotas": the short names are the requests'.
    return taken | {"cpu": taken["requests.cpu"], "memory": taken["requests.memory"]}


def quota(settings: Settings, quotas: Objects) -> Finding:
    """See that one user has room to work in what is left of the namespace's quotas."""
    name = "quota"
    if not quotas:
        return not_applicable(name, f"the namespace {settings.namespace} has none")
    wanted = one_user(settings)
    for one in quotas:
        used = one["status"].get("used", {})
        for resource, hard in one["status"].get("hard", {}).items():
            left, needed = amount(hard) - amount(used.get(resource, "0")), wanted.get(resource, 0)
            if needed > left:
                return failed(
                    name,
                    f"{one['metadata']['name']} leaves {left:g} of {resource}, one user needs {needed:g}",
                    "have the quota raised, or make profiles and workers smaller",
                )
    return ok(name, "one more user has room to work")


def secrets_wanted(settings: Settings) -> dict[str, set[str]]:
    """Return the Secrets that the operator makes: name to the keys that it must have."""
    wanted: dict[str, set[str]] = {}
    if settings.public.tls_secret is not None:
        wanted[settings.public.tls_secret] = {"tls.crt", "tls.key"}
    ingress = settings.public.ingress
    if ingress is not None and ingress.tls_secret is not None and not ingress.asks_for_certificate:
        wanted[ingress.tls_secret] = {"tls.crt", "tls.key"}
    if settings.images.pull_secret is not None:
        wanted[settings.images.pull_secret] = {".dockerconfigjson"}
    cache = settings.xcache
    if cache is not None and cache.upstream_secret is not None:
        wanted[cache.upstream_secret] = {"token"} if cache.upstream == "token" else {"tls.crt", "tls.key"}
    if settings.pool is not None and settings.pool.site is not None:
        wanted[settings.pool.site.token_secret] = {"token"}
    return wanted


def secrets(settings: Settings, keys: Mapping[str, Iterable[str]] | None) -> Finding:
    """Look for the operator's Secrets; ``keys`` are those of each that is there, none without a namespace."""
    name, wanted = "Secrets", secrets_wanted(settings)
    if not wanted:
        return not_applicable(name, "the settings name none")
    listed = ", ".join(wanted)
    if keys is None:
        why = f"the first `up` makes the namespace {settings.namespace}; make {listed} while it waits"
        return not_applicable(name, why)
    for secret, needed in wanted.items():
        remedy = f"kubectl --namespace {settings.namespace} create secret ..., as docs/operator.md says"
        if secret not in keys:
            return failed(name, f"there is no {secret} in {settings.namespace}", remedy)
        there = set(keys[secret])
        # A proxy certificate may stand in for the pair (docs/operator.md).
        if missing := needed - there:
            if "proxy" in there and settings.xcache and settings.xcache.upstream == "x509":
                continue
            return failed(name, f"{secret} lacks {', '.join(sorted(missing))}", remedy)
    return ok(name, f"{listed}: there")


def rights(answers: Mapping[str, bool]) -> Finding:
    """Look at what `kubectl auth can-i create` answers for each kind of object."""
    lacking = [kind for kind, may in answers.items() if not may]
    if lacking:
        remedy = "have an administrator run `up`, or give these rights (docs/operator.md)"
        return failed("rights", f"you may not create {', '.join(lacking)}", remedy)
    return ok("rights", f"you may create {', '.join(answers)}")
