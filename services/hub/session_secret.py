"""A session's Secret: the bundle as the keeper in the pod finds it (components/keeper.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubernetes_asyncio.client import ApiException

Json = dict[str, Any]


def pod_reference(name: str, uid: str) -> Json:
    """Return the owner reference to a pod: what it owns is deleted after it."""
    return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}


def manifest(slug: str, labels: Mapping[str, str], owner: Json, files: Mapping[str, str]) -> Json:
    """Return the Secret of the user with that label; ``labels`` are those of session pods."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"session-{slug}",
            "labels": {**labels, "coffea-casa/user": slug},
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "stringData": dict(files),
    }


async def write(api: Any, namespace: str, secret: Json) -> None:
    """Make the Secret be this one, whatever there was before. Raises ApiException.

    As a whole and without looking: the hub may write Secrets and not read them.
    """
    try:
        await api.replace_namespaced_secret(secret["metadata"]["name"], namespace, secret)
    except ApiException as error:
        if error.status != 404:
            raise
        await api.create_namespaced_secret(namespace, secret)
