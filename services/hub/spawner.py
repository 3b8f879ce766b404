"""The notebook pods: KubeSpawner's traits."""

from __future__ import annotations

from typing import Any

from services.hub.settings import HubSettings, Profile, Session
from services.hub.slug import TEMPLATE

HOME = "/home/jovyan"
COMPONENT = "session"
SUBDOMAIN = "sessions"
"""The headless Service that gives each session the name SLUG.sessions.NAMESPACE.svc."""


def kubespawner_memory(quantity: str) -> str:
    """Return a Kubernetes quantity such as "2Gi" in KubeSpawner's spelling, whose "G" is binary too."""
    return quantity.removesuffix("i")


def sizes(profile: Profile) -> dict[str, Any]:
    """Return what a profile sets."""
    override: dict[str, Any] = {
        "cpu_limit": profile.cores,
        "cpu_guarantee": profile.cores_request,
        "mem_limit": kubespawner_memory(profile.memory),
        "mem_guarantee": kubespawner_memory(profile.memory_request),
    }
    return override | ({"image": profile.image} if profile.image else {})


def profile_list(profiles: list[Profile]) -> list[dict[str, Any]]:
    """Return the spawn page's choices; none when there is nothing to choose."""
    if len(profiles) < 2:
        return []
    return [
        {
            "slug": profile.name,
            "display_name": profile.title,
            "description": profile.description,
            "default": index == 0,
            "kubespawner_override": sizes(profile),
        }
        for index, profile in enumerate(profiles)
    ]


def security() -> dict[str, Any]:
    """Return what Pod Security "restricted" asks of a session; only the image's files stay writable."""
    return {
        "pod_security_context": {
            "runAsNonRoot": True,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "container_security_context": {
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "allow_privilege_escalation": False,
        "automount_service_account_token": False,
    }


def home(session: Session) -> dict[str, Any]:
    """Return the traits of the home volume, which outlives server, hub and stack."""
    return {
        "storage_pvc_ensure": True,
        # Its name never changes. Remembered is also that it was there, so that after a restore without homes
        # no server would start.
        "remember_pvc_name": False,
        "delete_pvc": False,
        "pvc_name_template": f"home-{TEMPLATE}",
        "storage_capacity": session.home_size,
        "storage_access_modes": ["ReadWriteOnce"],
        "storage_class": session.storage_class,
    }


def kubespawner(settings: HubSettings) -> dict[str, Any]:
    """Return all traits of KubeSpawner."""
    session = settings.session
    return {
        "namespace": settings.namespace,
        "image": session.image,
        "image_pull_policy": session.pull_policy,
        "image_pull_secrets": session.pull_secrets,
        "slug_scheme": "safe",
        "pod_name_template": f"jupyter-{TEMPLATE}",
        "component_label": COMPONENT,
        "extra_labels": session.labels | {"coffea-casa/user": TEMPLATE},
        "extra_pod_config": {
            "hostname": TEMPLATE,
            "subdomain": SUBDOMAIN,
            "enableServiceLinks": False,
        },
        "uid": session.uid,
        "gid": session.gid,
        "fs_gid": session.gid,
        **security(),
        **home(session),
        **sizes(session.profiles[0]),
        "profile_list": profile_list(session.profiles),
        "environment": {**session.environment, "HOME": HOME},
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}, *session.volumes],
        "volume_mounts": [{"name": "home", "mountPath": HOME}, *session.volume_mounts],
        "init_containers": session.init_containers,
        "working_dir": HOME,
        "cmd": ["jupyterhub-singleuser"],
        "default_url": "/lab",
        "port": 8888,
        "start_timeout": session.start_timeout,
        "http_timeout": 120,
        "delete_grace_period": 5,
        "events_enabled": True,
    }
