"""Protection: identity and data are deleted on purpose only."""

from __future__ import annotations

from policy.subject import Subject

HEALTH = "hub-health-token"


def irreplaceable(subject: Subject) -> bool:
    """Tell whether a resource is identity or data: what deletes it, a user would miss."""
    if subject.type.startswith("random:"):
        # A user's password goes with the user, and the health check's token with its setting, without
        # anybody having to unprotect it first.
        return not subject.name.startswith("identity-password-") and subject.name != HEALTH
    if subject.type.startswith("tls:"):
        # The first generation; of a later one, the last key is let go.
        return subject.name in ("ca-key", "ca-certificate", "credentials-signing-key-1")
    # Homes are in the namespace and go with it.
    return subject.kind == "Namespace" or subject.object_name == "hub-db"


def missing(subject: Subject) -> list[str]:
    """Return that a careless change could delete it."""
    return ["is not protected"] if irreplaceable(subject) and not subject.protected else []
