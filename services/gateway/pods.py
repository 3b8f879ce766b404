"""What schedulers and workers get beyond dask-gateway's own manifest: restricted security, mounts, labels."""

from __future__ import annotations

import json

from services.gateway.settings import GatewaySettings, Json


def pod(settings: GatewaySettings) -> Json:
    """Return additions to the pod spec that Pod Security "restricted" asks for, and the volumes."""
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": settings.uid,
            "runAsGroup": settings.gid,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        # One environment variable per Service of the namespace is of no use here and may surprise Dask.
        "enableServiceLinks": False,
        # Dask's spill directory is under /tmp: on the node's disk, not in the container's layer.
        "initContainers": list(settings.init_containers),
        "volumes": [*settings.volumes, {"name": "tmp", "emptyDir": {}}],
    }


def container(settings: GatewaySettings) -> Json:
    """Return additions to the one container."""
    return {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
        },
        "volumeMounts": [*settings.volume_mounts, {"name": "tmp", "mountPath": "/tmp"}],
    }


USER = "{user_server}"
"""Stands for the user's DNS label in what the settings say of pods (components/session.py)."""
_OF_A_USER = ("scheduler_extra_pod_config", "worker_extra_pod_config")


def of_user(config: Json, slug: str) -> Json:
    """Return the parts of a cluster's configuration that are of one user, with their label filled in."""
    # A label is letters, digits and hyphens, so it changes nothing of the JSON around it.
    return {key: json.loads(json.dumps(config[key]).replace(USER, slug)) for key in _OF_A_USER}


def labels(settings: GatewaySettings) -> dict[str, str]:
    """Return the labels of every object of a cluster; dask-gateway adds component, instance and cluster."""
    # NetworkPolicies select by component, so what the settings say of it must not win.
    return {
        name: value for name, value in settings.labels.items() if name != "app.kubernetes.io/component"
    } | {"app.kubernetes.io/name": "dask-gateway"}
