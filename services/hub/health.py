"""The health check's way in: a service that may start the server of one user, who is nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tornado.web import HTTPError

from services.hub.settings import Health

SERVICE = "health"
USER_ROLE = "health-user"


def service(token: str) -> dict[str, Any]:
    """Return the service: a token, and no program of the hub's."""
    return {"name": SERVICE, "api_token": token, "display": False}


def roles(health: Health) -> list[dict[str, Any]]:
    """Return what the service may do: start, stop and use one user's server, and nothing of others."""
    user = health.user
    return [
        {
            "name": SERVICE,
            "services": [SERVICE],
            "scopes": [f"servers!user={user}", f"access:servers!user={user}"],
        },
        # The hub makes the users that a role names; this one gives nothing that users do not have.
        {"name": USER_ROLE, "users": [user], "scopes": ["self"]},
    ]


def refuse(health: Health) -> Callable[..., Awaitable[Mapping[str, Any]]]:
    """Return the hook that keeps people out who come with the health user's name.

    JupyterHub's list of blocked users would take that user's own rights away too.
    """

    async def hook(_authenticator: Any, _handler: Any, person: Mapping[str, Any]) -> Mapping[str, Any]:
        if person["name"] == health.user:
            raise HTTPError(403, "This name is the facility's own.")
        return person

    return hook
