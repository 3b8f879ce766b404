"""What users will notice of a change, worst first; each rule is a function of all changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

from review.change import Change, Json
from review.difference import ABSENT, Difference, differences
from review.words import code, listed, value


class Weight(IntEnum):
    """How much it matters to users; the order of the summary."""

    LOSS = 0
    INTERRUPTION = 1
    RESTART = 2
    NEXT_START = 3
    QUIET = 4


@dataclass(frozen=True, order=True)
class Effect:
    """One line of the summary."""

    weight: Weight
    text: str
    """A sentence in Markdown."""


RESTARTS: Mapping[str, tuple[Weight, str]] = {
    "proxy": (Weight.INTERRUPTION, "every open notebook page loses its connection and comes back"),
    "hub": (Weight.RESTART, "running notebooks and log-ins stay, new log-ins and starts wait some seconds"),
    "identity": (Weight.RESTART, "whoever is just logging in starts again"),
    "dask-router": (Weight.INTERRUPTION, "connections to Dask schedulers break and are made again"),
    "dask-gateway-api": (Weight.RESTART, "running clusters stay, new ones wait some seconds"),
    "dask-gateway-controller": (Weight.QUIET, "running clusters stay, new workers wait some seconds"),
    "credentials": (Weight.QUIET, "its pods are replaced one after the other: nothing is noticed"),
    "xcache": (Weight.RESTART, "reads of the moment wait or fail, what it has stays"),
    "xcache-redirector": (Weight.RESTART, "new reads wait some seconds"),
}
"""Workload to what its restart means (docs/operator.md, "What an up does to users")."""
REPLACED_SECRETS: Mapping[str, str] = {
    "hub-cookie-secret": "**All users are logged out**: the key of their cookies is another one",
    "hub-crypt-key": "**All users must log in again** before their next start: what the hub kept of "
    "log-ins cannot be read any more",
    "ca-key": "**The certificate authority is another one**: certificates of running sessions and clusters, "
    "and what users have downloaded, are refused",
}
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_HOLDING = ("PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition")
_KEYS = ("PrivateKey", "RandomPassword")
_SETTINGS = 'data["settings.json"] → '

Rule = Callable[[Sequence[Change]], Iterator[Effect]]


def holds_data(change: Change) -> bool:
    """Tell whether the object, or what goes with it, is data or identity."""
    if change.kind == "StatefulSet":
        spec = cast(Json, (change.old or change.new).get("spec") or {})
        return bool(spec.get("volumeClaimTemplates"))
    return change.kind in _HOLDING or change.kind in _KEYS


def effects(changes: Sequence[Change]) -> list[Effect]:
    """Return what users will notice, worst first, each once."""
    return sorted({effect for rule in RULES for effect in rule(changes)})


def _settings(changes: Sequence[Change], config_map: str) -> list[Difference]:
    """Return the differences of a program's settings.json, their paths without the way to it."""
    return [
        Difference(found.path.removeprefix(_SETTINGS), found.old, found.new)
        for change in changes
        if change.kind == "ConfigMap" and change.object_name == config_map and change.old and change.new
        for found in differences(change.old, change.new)
        if found.path.startswith(_SETTINGS)
    ]


def lost(changes: Sequence[Change]) -> Iterator[Effect]:
    """Objects with data that go away, or are deleted to be made anew."""
    for change in changes:
        if change.operation not in ("delete", "replace") or change.retained or not holds_data(change):
            continue
        if change.kind == "Namespace":
            meaning = "everything in it goes, homes too"
        elif change.kind == "StatefulSet":
            meaning = "its volumes stay where they are, its pods end"
        elif change.kind == "CustomResourceDefinition":
            meaning = "every object of that kind goes with it"
        elif change.kind in _KEYS:
            continue
        else:
            meaning = "its data goes with it"
        verb = "deleted" if change.operation == "delete" else "deleted and made anew"
        yield Effect(Weight.LOSS, f"**{code(change.label)} is {verb}**: {meaning}.")


def unprotected(changes: Sequence[Change]) -> Iterator[Effect]:
    """Objects that anybody's next change may delete."""
    for change in changes:
        if change.operation == "update" and change.protected and not change.stays_protected:
            yield Effect(Weight.LOSS, f"**{code(change.label)} is not protected any more.**")


def identities(changes: Sequence[Change]) -> Iterator[Effect]:
    """Secrets of the facility that become other ones."""
    for change in changes:
        if change.operation in ("replace", "delete") and change.name in REPLACED_SECRETS:
            yield Effect(Weight.INTERRUPTION, REPLACED_SECRETS[change.name] + ".")
        elif change.operation in ("replace", "delete") and change.name.startswith("identity-password-"):
            user = code(change.name.removeprefix("identity-password-"))
            verb = "gets another password" if change.operation == "replace" else "cannot log in any more"
            yield Effect(Weight.INTERRUPTION, f"User {user} {verb}.")
        elif change.name.startswith("credentials-signing-key-") and change.operation in ("create", "delete"):
            verb = {"create": "is published from now on", "delete": "is good for nothing any more"}
            number = change.name.rsplit("-", 1)[-1]
            yield Effect(Weight.QUIET, f"Key {number} of data tokens {verb[change.operation]}.")


def restarts(changes: Sequence[Change]) -> Iterator[Effect]:
    """Workloads whose pods are replaced."""
    for change in changes:
        if change.kind not in _WORKLOADS or change.operation not in ("update", "replace"):
            continue
        paths = [found.path for found in differences(change.old, change.new)] + list(change.touched)
        if change.operation == "replace" and holds_data(change):
            continue  # ``lost`` has told it.
        if change.operation == "replace" or any(path.startswith("spec.template") for path in paths):
            weight, meaning = RESTARTS.get(change.object_name, (Weight.RESTART, "it is away for a moment"))
            yield Effect(weight, f"{code(change.object_name)} restarts: {meaning}.")


def twins(changes: Sequence[Change]) -> Iterator[Effect]:
    """Objects that are made and deleted under the same name: a resource was renamed without an alias."""
    made, gone = (
        {change.label for change in changes if change.kubernetes and change.operation == operation}
        for operation in ("create", "delete")
    )
    for label in sorted(made & gone):
        yield Effect(
            Weight.LOSS,
            f"**{code(label)} is made and deleted under one name**: the update fails, or takes away what it "
            "has made. The resource has another name in the program and needs an alias.",
        )


def components(changes: Sequence[Change]) -> Iterator[Effect]:
    """Workloads and Services that come or go."""
    told = {"create": (Weight.NEXT_START, "New"), "delete": (Weight.INTERRUPTION, "**Gone**")}
    for operation, (weight, word) in told.items():
        kinds = (*_WORKLOADS, "Service") if operation == "delete" else _WORKLOADS
        names = [c.label for c in changes if c.operation == operation and c.kind in kinds]
        if names:
            yield Effect(weight, f"{word}: {listed(sorted(names))}.")


def secrets(changes: Sequence[Change]) -> Iterator[Effect]:
    """Values of Secrets that become other ones."""
    for change in changes:
        if change.kind == "Secret" and change.operation == "update":
            keys = [re.sub(r"^(data|stringData)[.\[]\"?|\"?\]$", "", path) for path in change.touched]
            named = [key for key in keys if key not in ("data", "stringData")]
            what = f": {listed(named)}" if named else ""
            yield Effect(Weight.QUIET, f"Values of {code(change.label)} become others{what}.")


def replicas(changes: Sequence[Change]) -> Iterator[Effect]:
    """Workloads with another number of pods."""
    for change in changes:
        for found in differences(change.old, change.new) if change.old and change.new else ():
            if found.path == "spec.replicas":
                yield Effect(
                    Weight.QUIET, f"{code(change.object_name)}: pods {value(found.old)} → {value(found.new)}."
                )


def profiles(changes: Sequence[Change]) -> Iterator[Effect]:
    """Sizes on the spawn page."""
    for found in _settings(changes, "hub-config"):
        part = re.match(r"session\.profiles\[([^\]]+)\](?:\.(\w+))?$", found.path)
        if not part:
            continue
        profile, field = code(part[1]), part[2]
        if field:
            text = (
                f"Profile {profile}: {field} {value(found.old)} → {value(found.new)}, from each next start."
            )
        elif found.old is ABSENT:
            text = f"Profile {profile} is new: {_size(found.new)}."
        else:
            text = f"Profile {profile} is taken away ({_size(found.old)}); running sessions stay."
        yield Effect(Weight.NEXT_START, text)


def _size(profile: Any) -> str:
    told: Json = cast(Json, profile) if isinstance(profile, Mapping) else {}
    return f"{value(told.get('cores', '?'))} cores, {value(told.get('memory', '?'))}"


TOLD: Sequence[tuple[str, str, Weight, str]] = (
    ("hub-config", r"publicUrl", Weight.INTERRUPTION, "**The facility's address changes**"),
    (
        "hub-config",
        r"oidc\.(issuer|usernameClaim)",
        Weight.INTERRUPTION,
        "**Who users are is asked elsewhere**",
    ),
    ("hub-config", r"access\..*", Weight.INTERRUPTION, "Who may log in changes"),
    ("hub-config", r"hub\.idleTimeout", Weight.NEXT_START, "Servers without activity stop after (s)"),
    ("hub-config", r"hub\.maxAge", Weight.NEXT_START, "Servers stop though active after (s)"),
    ("hub-config", r"session\.homeSize", Weight.NEXT_START, "Size of homes made from now on"),
    ("hub-config", r"session\.image", Weight.NEXT_START, "Sessions' image, from each next start"),
    (
        "hub-config",
        r"session\.environment.*",
        Weight.NEXT_START,
        "Variable of sessions, from each next start",
    ),
    ("dask-gateway-config", r"image", Weight.NEXT_START, "Image of new Dask clusters"),
    (
        "dask-gateway-config",
        r"(limits|worker|scheduler|idleTimeout).*",
        Weight.NEXT_START,
        "New Dask clusters",
    ),
    (
        "credentials-config",
        r"(tokenLifetime|certificateLifetime)",
        Weight.QUIET,
        "Lifetime of new credentials (s)",
    ),
    ("credentials-config", r"(dataScopes|audience).*", Weight.QUIET, "What new data tokens are good for"),
)
"""ConfigMap, pattern of a setting's path, weight, and what it is to users."""


def settings(changes: Sequence[Change]) -> Iterator[Effect]:
    """Settings that users notice."""
    for config_map, pattern, weight, meaning in TOLD:
        for found in _settings(changes, config_map):
            if re.fullmatch(pattern, found.path):
                told = f"{value(found.old)} → {value(found.new)}"
                yield Effect(weight, f"{meaning}: {code(found.path)} {told}.")


def volumes(changes: Sequence[Change]) -> Iterator[Effect]:
    """Volumes of another size."""
    for change in changes:
        for found in differences(change.old, change.new) if change.old and change.new else ():
            if found.path.endswith("resources.requests.storage"):
                text = f"Volume of {code(change.object_name)}: {value(found.old)} → {value(found.new)}."
                yield Effect(Weight.QUIET, text)


def network(changes: Sequence[Change]) -> Iterator[Effect]:
    """Flows that open, close or change: the names of policies say what they are about."""
    verbs = {"create": "opened", "delete": "closed", "update": "changed", "replace": "changed"}
    flows: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "NetworkPolicy" and change.operation in verbs:
            flows.setdefault(verbs[change.operation], []).append(change.object_name)
    for verb, names in flows.items():
        weight = Weight.INTERRUPTION if verb == "closed" else Weight.QUIET
        yield Effect(weight, f"Network flows {verb}: {listed(sorted(names))}.")


RULES: Sequence[Rule] = (
    lost,
    unprotected,
    twins,
    identities,
    restarts,
    components,
    secrets,
    replicas,
    profiles,
    settings,
    volumes,
    network,
)


def images(changes: Sequence[Change]) -> list[tuple[str, Any, Any]]:
    """Return (where, old, new) of every container image that is another one."""
    found: dict[tuple[str, str, str], None] = {}
    for change in changes:
        if not (change.old and change.new):
            continue
        for place in differences(change.old, change.new):
            if place.path.endswith(".image") or place.path == _SETTINGS + "image":
                found[change.object_name, str(place.old), str(place.new)] = None
    return [(where, old, new) for where, old, new in found if ABSENT not in (old, new)]
