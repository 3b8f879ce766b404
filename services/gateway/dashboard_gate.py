# pyright: basic
# The hub's library has no types.
"""The gate before clusters' dashboards: lets in a cluster's owner and nobody else.

The router asks ``GET /check/NAMESPACE.ID`` before each request to a dashboard:
204 lets it through, 401 makes the router send the browser to the hub's log-in,
403 ends it. Whose cluster it is the gateway's API says, asked with the user's own
token. Run as ``python -m services.gateway.dashboard_gate``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time

import aiohttp
from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import Application, RequestHandler

from services.gateway.settings import GatewaySettings, hub_token, load

PORT = 8001
API = "http://127.0.0.1:8000"
"""The gateway's API server, in the same pod."""
_REMEMBER = 30
"""Seconds an owner is remembered: a dashboard asks for dozens of small files."""
log = logging.getLogger("dashboard-gate")


def hub_auth(settings: GatewaySettings, token: str) -> HubOAuth:
    """Return the client of the hub's log-in; its cookie is seen below the service's path only."""
    name = settings.hub_service_name
    return HubOAuth(
        api_url=settings.hub_api_url,
        api_token=token,
        base_url=settings.prefix + "/",
        hub_prefix="/hub/",
        hub_host="",
        oauth_client_id=f"service-{name}",
        access_scopes={f"access:services!service={name}"},
        cookie_options={"samesite": "Lax"},
        cache_max_age=60,
    )


class Owners:
    """Asks the gateway's API whose a cluster is."""

    def __init__(self, clusters_url: str) -> None:
        self._clusters_url = clusters_url
        self._known: dict[tuple[bytes, str], float] = {}

    async def owns(self, token: str, cluster: str) -> bool:
        """Tell whether the token's user owns the cluster. Raises aiohttp.ClientError without an answer."""
        now = time.monotonic()
        self._known = {key: until for key, until in self._known.items() if until > now}
        key = (hashlib.sha256(token.encode()).digest(), cluster)
        if key not in self._known:
            if not await self._ask(token, cluster):
                return False
            self._known[key] = now + _REMEMBER
        return True

    async def _ask(self, token: str, cluster: str) -> bool:
        headers = {"Authorization": f"jupyterhub {token}"}
        url = f"{self._clusters_url}/{cluster}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            if answer.status >= 500:
                answer.raise_for_status()
            return answer.status == 200


class Handler(HubOAuthenticated, RequestHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A handler with the hub's log-in."""

    def initialize(self, auth: HubOAuth, owners: Owners | None = None) -> None:
        """Take what the application gives."""
        self.hub_auth = auth
        self.owners = owners


class Check(Handler):
    """Answers the router."""

    async def get(self, cluster: str) -> None:
        """204 for the owner, 401 for nobody known, 403 for anybody else."""
        # Only the router calls this, for GET and HEAD requests, which change nothing: no XSRF check needed.
        token = self.hub_auth.get_token(self)
        if not token or await self.hub_auth.user_for_token(token, sync=False) is None:
            self.set_status(401)
        elif self.owners and await self.owners.owns(token, cluster):
            self.set_status(204)
        else:
            self.set_status(403)


class LogIn(Handler):
    """Answers in a dashboard's place when nobody is logged in."""

    def get(self) -> None:
        """Send a browser to the hub's log-in and back here; a program with a wrong token gets 401."""
        if self.request.headers.get("Authorization"):
            self.set_status(401)
        else:
            self.redirect(self.get_login_url())


class CallBack(HubOAuthCallbackHandler):
    """Takes the user back from the hub's log-in."""

    def initialize(self, auth: HubOAuth) -> None:
        """Take what the application gives."""
        self.hub_auth = auth


class Health(RequestHandler):
    """Answers probes."""

    def get(self) -> None:
        """Say yes."""
        self.write("ok\n")


def log_request(handler: RequestHandler) -> None:
    """Log a request without its query, where log-in codes stand; checks and probes only when they fail."""
    request = handler.request
    if handler.get_status() >= 500 or not request.path.startswith(("/check/", "/healthz")):
        log.info("%d %s %s", handler.get_status(), request.method, request.path)


def application(settings: GatewaySettings, token: str, api: str = API) -> Application:
    """Return the gate's web application."""
    auth = hub_auth(settings, token)
    owners = Owners(f"{api}{settings.prefix}/api/v1/clusters")
    return Application(
        [
            (r"/check/([a-z0-9-]+\.[0-9a-f]+)", Check, {"auth": auth, "owners": owners}),
            (f"{settings.prefix}/oauth_callback", CallBack, {"auth": auth}),
            (f"{settings.prefix}/clusters/.*", LogIn, {"auth": auth}),
            (r"/healthz", Health),
        ],
        # From the hub's token, so that users stay logged in when the pod is replaced.
        cookie_secret=hashlib.sha256(f"dashboard-gate {token}".encode()).hexdigest(),
        log_function=log_request,
    )


async def main() -> None:
    """Serve until killed."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    application(load(), hub_token()).listen(PORT)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
