"""Whether the images are where the cluster would pull them from, without pulling them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import requests

from check.finding import Finding, failed, not_applicable, ok
from check.issuers import Verify
from images import table
from settings import Settings

NAME = "images"
DOCKER_HUB = "registry-1.docker.io"
"""Behind references without a host, which then lack library/ as well."""
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""OCI Image Specification 1.1, media types, and Docker's of before."""
_SECONDS = 20


class ImageError(ValueError):
    """An image cannot be pulled."""


def references(settings: Settings) -> list[str]:
    """Return every image that pods are made of."""
    images = settings.images
    ours = [
        images.overrides.get(name) or table.reference(images.registry, name)
        for name, image in table.IMAGES.items()
        if image.in_pods
    ]
    return sorted({*ours, *(profile.image for profile in settings.session.profiles if profile.image)})


def parsed(reference: str) -> tuple[str, str, str]:
    """Return registry, repository, and tag or digest."""
    rest, _, digest = reference.partition("@")
    first, slash, path = rest.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, path = DOCKER_HUB, rest if slash else f"library/{rest}"
    path, _, tag = path.partition(":")
    return first, path, digest or tag


def look(reference: str, verify: Verify = True) -> None:
    """Ask for an image's manifest (OCI Distribution Specification 1.1, "Pull"). Raises ImageError."""
    registry, repository, version = parsed(reference)
    url = f"https://{registry}/v2/{repository}/manifests/{version}"
    headers = {"Accept": ACCEPT}
    try:
        answer = requests.head(url, headers=headers, timeout=_SECONDS, verify=verify, allow_redirects=True)
        if answer.status_code == 401:
            headers["Authorization"] = f"Bearer {_anonymous(answer, repository, verify)}"
            answer = requests.head(
                url, headers=headers, timeout=_SECONDS, verify=verify, allow_redirects=True
            )
    except (requests.RequestException, ValueError) as error:
        raise ImageError(f"{reference}: {error}") from error
    if answer.status_code != 200:
        raise ImageError(f"{reference}: the registry says {answer.status_code}")


def _anonymous(answer: requests.Response, repository: str, verify: Verify) -> str:
    """Return a token for nobody in particular (Distribution, "Token Authentication Specification")."""
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("WWW-Authenticate", "")))
    if not challenge.get("realm", "").startswith("https://"):
        raise ValueError("the registry says 401")
    asked = {"service": challenge.get("service", ""), "scope": f"repository:{repository}:pull"}
    given = requests.get(challenge["realm"], params=asked, timeout=_SECONDS, verify=verify)
    document: dict[str, Any] = given.json() if given.ok else {}
    token: object = document.get("token") or document.get("access_token")
    if not token:
        raise ValueError("the registry says 401")
    return str(token)


def pullable(settings: Settings, verify: Verify = True) -> Finding:
    """Ask for each image; those with a log-in of their own are only the cluster's to pull."""
    if settings.images.pull_secret is not None:
        return not_applicable(NAME, "the registry wants the log-in of coffea-casa:images.pullSecret")
    if settings.images.pull_policy == "Never" or settings.images.registry.startswith("localhost/"):
        return not_applicable(NAME, "the nodes have them already, or an `up` brings them along")
    wanted = references(settings)
    missing = list(_missing(wanted, verify))
    if missing:
        push = f"make images REGISTRY={settings.images.registry}"
        remedy = f"{push}, and let everybody pull or set coffea-casa:images.pullSecret"
        return failed(NAME, f"{len(missing)} of {len(wanted)} cannot be pulled: {missing[0]}", remedy)
    return ok(NAME, f"all {len(wanted)} are in {settings.images.registry}, or where their reference says")


def _missing(wanted: Iterable[str], verify: Verify) -> Iterable[str]:
    for reference in wanted:
        try:
            look(reference, verify)
        except ImageError as error:
            yield str(error)
