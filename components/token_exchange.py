"""The sidecar that gets a user's token for a site's HTCondor from the site's own token service.

It runs beside the notebook under the user's own uid, and shows the service what the credential service said
of this user. So nothing that signs talks to a site, and a site that is away keeps nobody from starting a
server.
"""

from __future__ import annotations

from components import keeper
from components.base import Facility
from components.session import Json

DIRECTORY = "/run/secrets/condor"
TOKENS = f"{DIRECTORY}/tokens.d"
"""In a session: where HTCondor finds the token. Not among the keeper's files, which it keeps to itself."""
ASSERTION = f"{keeper.DIRECTORY}/condor_assertion"
_VOLUME, _CA = "condor-tokens", "token-service-ca"
_CA_DIRECTORY = "/etc/coffea-casa/token-service"


def volumes(ca_config_map: str | None) -> tuple[Json, ...]:
    """Return the memory that the token is in and, where the service has one of its own, its CA."""
    memory: Json = {"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    return (memory, *([{"name": _CA, "configMap": {"name": ca_config_map}}] if ca_config_map else []))


def mounts() -> tuple[Json, ...]:
    """Return the session's side."""
    return ({"name": _VOLUME, "mountPath": DIRECTORY, "readOnly": True},)


def sidecar(facility: Facility, url: str, ca_config_map: str | None) -> Json:
    """Return the container; nothing waits for its token."""
    ca = f"{_CA_DIRECTORY}/ca.pem" if ca_config_map else keeper.CA_BUNDLE
    own: list[Json] = [{"name": _CA, "mountPath": _CA_DIRECTORY, "readOnly": True}] if ca_config_map else []
    return {
        "name": "condor-token",
        "image": facility.image("session"),
        "imagePullPolicy": facility.images.pull_policy,
        # What makes an init container a sidecar (Kubernetes, "Sidecar Containers").
        "restartPolicy": "Always",
        "args": ["condor-token-exchange", url, ASSERTION, ca, TOKENS],
        "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": keeper.security_context(),
        "volumeMounts": [
            {"name": keeper.MEMORY, "mountPath": keeper.DIRECTORY, "readOnly": True},
            {"name": _VOLUME, "mountPath": DIRECTORY},
            *own,
        ],
    }
