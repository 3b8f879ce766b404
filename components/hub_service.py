"""What a component tells the Hub when it wants to be one of JupyterHub's services."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class HubService:
    """A JupyterHub service: reached by browsers at ``/services/NAME/``."""

    name: str
    url: str
    """Where the proxy sends its requests, in the cluster."""
    token: pulumi.Output[str] | None = None
    """The service's own token for the hub's API, secret."""
    oauth: bool = False
    """Whether users log in to it through the hub."""
    callers: tuple[str, ...] = ()
    """Components that call the hub's API for it."""
