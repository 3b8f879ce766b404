"""The keeper: a sidecar that lays a user's credentials where programs take them.

XRootD and HTCondor read a credential only from a file of the reader's own that nobody else may
read, which a Secret's volume cannot give. So a container under the user's own uid copies the
files into memory, and follows when the hub writes new ones.
"""

from __future__ import annotations

from components.base import Facility
from components.session import USER, Json

SECRET = f"session-{USER}"
"""Name of a session's Secret, which services/hub writes."""
DIRECTORY = "/etc/cmsaf-secrets"
PRIVATE_DIRECTORY = "/etc/cmsaf-secrets-chown"
"""Where the upstream client looks for certificates and for tokens: one directory by two names."""
TOKEN = f"{PRIVATE_DIRECTORY}/access_token"
CA_BUNDLE = f"{DIRECTORY}/ca-bundle.pem"
"""The facility's CA and the public ones; the last file that the keeper makes."""
MEMORY = "credentials"
"""The volume with the files."""
_SOURCE = "/run/secrets/session"
_VOLUME = "session-secret"


def environment() -> dict[str, str]:
    """Return where programs find the files.

    BEARER_TOKEN_FILE: WLCG Bearer Token Discovery 1.0. X509_CERT_FILE: XRootD's (it ignores SSL_CERT_FILE).
    """
    return {"BEARER_TOKEN_FILE": TOKEN, "X509_CERT_FILE": CA_BUNDLE}


def volumes(given: str | None = None) -> tuple[Json, ...]:
    """Return the pod's side: the Secret for the keeper, and the memory that both see.

    ``given`` is what the name of a user's Secret with HTCondor's token (key ``token``) begins with, if a site
    gives them; a user without one gets no token, and all the rest.
    """
    # Readable by whoever is in the pod, for not every pod of a user has a file system group.
    source: Json = {"name": _VOLUME, "secret": {"secretName": SECRET, "defaultMode": 0o444}}
    if given:
        token = {"key": "token", "path": "condor_token"}
        both = [
            {"secret": {"name": SECRET}},
            {"secret": {"name": f"{given}-{USER}", "items": [token], "optional": True}},
        ]
        source = {"name": _VOLUME, "projected": {"sources": both, "defaultMode": 0o444}}
    return (source, {"name": MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}})


def mounts() -> tuple[Json, ...]:
    """Return the session's side."""
    return tuple(
        {"name": MEMORY, "mountPath": path, "readOnly": True} for path in (DIRECTORY, PRIVATE_DIRECTORY)
    )


def sidecar(facility: Facility) -> Json:
    """Return the container; what comes after it in the pod starts when the files are there."""
    until_there = f"until test -f {CA_BUNDLE}; do sleep 0.05; done"
    return {
        "name": "credentials",
        "image": facility.image("session"),
        "imagePullPolicy": facility.images.pull_policy,
        # What makes an init container a sidecar (Kubernetes, "Sidecar Containers").
        "restartPolicy": "Always",
        "args": ["credentials-keeper", _SOURCE, DIRECTORY],
        "startupProbe": {
            # It waits inside: a probe that failed at once would be tried again a second later.
            "exec": {"command": ["sh", "-c", until_there]},
            "timeoutSeconds": 5,
            "periodSeconds": 1,
            "failureThreshold": 30,
        },
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": security_context(),
        "volumeMounts": [
            {"name": _VOLUME, "mountPath": _SOURCE, "readOnly": True},
            {"name": MEMORY, "mountPath": DIRECTORY},
        ],
    }


def security_context() -> Json:
    """Return what a sidecar of a session may do: nothing, under the user's own uid."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
