"""JupyterHub's services, and the scopes that users, servers and services hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from services.hub import health
from services.hub.settings import HubSettings, Limits, Service

CULLER = "idle-culler"


def culler(limits: Limits) -> dict[str, Any]:
    """Return the idle culler as a service that the hub itself runs."""
    return {
        "name": CULLER,
        "command": [
            sys.executable,
            "-m",
            "jupyterhub_idle_culler",
            f"--timeout={limits.idle_timeout}",
            f"--max-age={limits.max_age}",
            # Often enough that nobody waits twice the time, seldom enough not to burden the hub.
            f"--cull-every={min(max(limits.idle_timeout // 4, 15), 600)}",
        ],
    }


def external(service: Service, secret: Callable[[str], str]) -> dict[str, Any]:
    """Return a service that another pod runs."""
    described: dict[str, Any] = {"name": service.name, "url": service.url, "display": False}
    if service.token_file is not None:
        described["api_token"] = secret(service.token_file)
    if service.oauth:
        described |= {
            "oauth_client_id": f"service-{service.name}",
            # The path alone, as JupyterHub's library sends it; the two are compared as text.
            "oauth_redirect_uri": f"/services/{service.name}/oauth_callback",
            # Users know it as a part of this facility; asking them first would only puzzle.
            "oauth_no_confirm": True,
        }
    return described


def services(settings: HubSettings, secret: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return all services; ``secret`` reads a token's file."""
    return [
        culler(settings.hub),
        *(external(service, secret) for service in settings.services),
        *([health.service(secret(settings.health.token_file))] if settings.health else []),
    ]


def user_scopes(settings: HubSettings) -> set[str]:
    """Return what every user may do besides JupyterHub's default: use the services with a log-in."""
    return {f"access:services!service={service.name}" for service in settings.services if service.oauth}


def roles(settings: HubSettings) -> list[dict[str, Any]]:
    """Return the roles of the culler, of the tokens that servers get, and of the health check."""
    return [
        {
            "name": CULLER,
            "services": [CULLER],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        },
        {
            # JupyterHub's default for servers, and the services that notebooks call with that token.
            "name": "server",
            "scopes": ["users:activity!user", "access:servers!server", *sorted(user_scopes(settings))],
        },
        *(health.roles(settings.health) if settings.health else []),
    ]
