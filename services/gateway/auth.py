# pyright: basic
# dask-gateway-server has no types.
"""Who a request comes from: dask-gateway's own check of JupyterHub tokens, with one answer mended."""

from __future__ import annotations

from aiohttp import web
from dask_gateway_server.auth import JupyterHubAuthenticator, unauthorized
from dask_gateway_server.models import User


class HubAuthenticator(JupyterHubAuthenticator):
    """Tells the owner of a token that the hub does not know (expired, revoked, made up) to log in: 401."""

    async def authenticate(self, request: web.Request) -> User:
        """Return the user, or raise 401; 502 when the hub itself fails."""
        try:
            return await super().authenticate(request)
        except web.HTTPInternalServerError as error:
            # Upstream takes the hub's 403 for a fault of the gateway; but it is the token's.
            raise unauthorized("jupyterhub") from error
