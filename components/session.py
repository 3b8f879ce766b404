"""What components give to users' sessions, and how the gifts are put together.

A component knows nothing of its siblings: what it wants in every session it
hands out as one SessionContribution. The Hub merges the list for notebooks,
DaskGateway for schedulers and workers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from components.network import Flow, Ports

Json = dict[str, object]

USER = "{user_server}"
"""Stands for the user's DNS label in what contributions say of pods: KubeSpawner's own name for it."""


@dataclass(frozen=True, kw_only=True)
class SessionDoor:
    """Where computers outside find a session: SLUG.DOMAIN, SLUG being its user's label, and the port."""

    domain: str
    port: int


class SessionCollisionError(ValueError):
    """Two components want the same variable or file in a session."""


@dataclass(frozen=True, kw_only=True)
class SessionFile:
    """A key of a ConfigMap or Secret, seen as a file in the session."""

    path: str
    """Absolute path in the session."""
    kind: Literal["configMap", "secret"]
    source: str
    """Name of the ConfigMap or Secret."""
    key: str


@dataclass(frozen=True, kw_only=True)
class SessionClaim:
    """An existing claim, seen as a directory in the session."""

    name: str
    """Of the pod's volume."""
    claim: str
    path: str
    read_only: bool
    automounts: bool
    """Whether what is mounted in it later is seen (Kubernetes: "Mount propagation")."""


@dataclass(frozen=True, kw_only=True)
class SessionContribution:
    """What one component gives to every session."""

    name: str
    """The component's name, for messages."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: tuple[SessionFile, ...] = ()
    claims: tuple[SessionClaim, ...] = ()
    volumes: tuple[Json, ...] = ()
    mounts: tuple[Json, ...] = ()
    sidecars: tuple[Json, ...] = ()
    """Parts of the pod, in Kubernetes' own field names; sidecars start before the session."""
    flows: tuple[Flow, ...] = ()
    """Where the session must be able to connect to; the receiving side is the component's own."""
    callers: Mapping[str, tuple[Ports, ...]] = field(default_factory=dict[str, "tuple[Ports, ...]"])
    """Components that must be able to connect to the session, and its ports."""


@dataclass(frozen=True, kw_only=True)
class SessionPod:
    """Merged contributions, as the parts of a pod manifest (Kubernetes' own field names)."""

    environment: dict[str, str]
    volumes: list[Json]
    mounts: list[Json]
    claims: tuple[SessionClaim, ...]
    """Those that are among volumes and mounts, for pods that are made of other parts."""
    sidecars: list[Json]
    flows: tuple[Flow, ...]
    callers: dict[str, tuple[Ports, ...]]


def merge(contributions: Sequence[SessionContribution]) -> SessionPod:
    """Put contributions together, in their order.

    Raises SessionCollisionError when two set the same variable, the same path or the same name.
    """
    environment: dict[str, str] = {}
    owner: dict[str, str] = {}
    directories: dict[str, list[SessionFile]] = {}
    for contribution in contributions:
        for item in _taken(contribution):
            if item in owner:
                raise SessionCollisionError(
                    f"{item} is set in sessions by both {owner[item]} and {contribution.name}"
                )
            owner[item] = contribution.name
        environment.update(contribution.environment)
        for file in contribution.files:
            directories.setdefault(str(PurePosixPath(file.path).parent), []).append(file)
    files_mounts: list[Json] = [
        {"name": _volume_name(d), "mountPath": d, "readOnly": True} for d in directories
    ]
    claims = tuple(claim for contribution in contributions for claim in contribution.claims)
    for directory in directories:
        if directory in owner:
            raise SessionCollisionError(
                f"{directory} is set in sessions by {owner[directory]} and holds files"
            )
    return SessionPod(
        environment=environment,
        volumes=[
            *(_volume(directory, files) for directory, files in directories.items()),
            *(_claim_volume(claim) for claim in claims),
            *(volume for contribution in contributions for volume in contribution.volumes),
        ],
        mounts=[
            *files_mounts,
            *(_claim_mount(claim) for claim in claims),
            *(mount for contribution in contributions for mount in contribution.mounts),
        ],
        claims=claims,
        sidecars=[sidecar for contribution in contributions for sidecar in contribution.sidecars],
        flows=tuple(flow for contribution in contributions for flow in contribution.flows),
        callers={
            caller: allowed
            for contribution in contributions
            for caller, allowed in contribution.callers.items()
        },
    )


def _taken(contribution: SessionContribution) -> Iterator[str]:
    """Yield what no other contribution may set."""
    yield from contribution.environment
    yield from (file.path for file in contribution.files)
    yield from (claim.path for claim in contribution.claims)
    yield from (f"volume {claim.name}" for claim in contribution.claims)
    yield from (str(mount["mountPath"]) for mount in contribution.mounts)
    yield from (f"volume {volume['name']}" for volume in contribution.volumes)
    yield from (f"container {sidecar['name']}" for sidecar in contribution.sidecars)


def _volume_name(directory: str) -> str:
    return "files-" + re.sub("[^a-z0-9]", "-", directory.strip("/").lower())


def _volume(directory: str, files: Sequence[SessionFile]) -> Json:
    # One projected volume a directory: files of several sources stand side by side and
    # follow their sources' changes, which files mounted by subPath never do.
    sources = [
        {
            file.kind: {
                "name": file.source,
                "items": [{"key": file.key, "path": PurePosixPath(file.path).name}],
            }
        }
        for file in files
    ]
    return {"name": _volume_name(directory), "projected": {"sources": sources}}


def _claim_volume(claim: SessionClaim) -> Json:
    # Said of the volume as well: the kubelet then leaves its files' owners alone, of which there may be many.
    read_only: Json = {"readOnly": True} if claim.read_only else {}
    return {"name": claim.name, "persistentVolumeClaim": {"claimName": claim.claim, **read_only}}


def _claim_mount(claim: SessionClaim) -> Json:
    mount: Json = {"name": claim.name, "mountPath": claim.path}
    read_only: Json = {"readOnly": True} if claim.read_only else {}
    return mount | read_only | ({"mountPropagation": "HostToContainer"} if claim.automounts else {})
