"""Directories of the site's that users' code sees, as one contribution to sessions."""

from __future__ import annotations

from collections.abc import Sequence

from components.session import SessionClaim, SessionContribution
from settings import Volume


def site_volumes(volumes: Sequence[Volume]) -> SessionContribution:
    """Return what makes sessions, schedulers, workers and nodes mount them."""
    return SessionContribution(
        name="session.volumes",
        claims=tuple(
            SessionClaim(
                name=f"site-{volume.name}",
                claim=volume.claim,
                path=volume.mount_path,
                read_only=volume.read_only,
                automounts=volume.automounts,
            )
            for volume in volumes
        ),
    )
