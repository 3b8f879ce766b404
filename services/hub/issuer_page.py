# pyright: basic
# JupyterHub has no types.
"""The issuer as sites outside find it: its discovery document and its public keys, for anybody.

The credential service has no door to the world; its keys are shown here, at the facility's own address. The
document is that of OpenID Connect Discovery 1.0, section 3.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

import aiohttp
from jupyterhub.handlers import BaseHandler

PATH = "/issuer"
"""Below the hub's own, where tokens for sites say that they are from (components/credentials.py)."""
FRESH = 300
"""Seconds for which keys are not asked for again: as long as the service itself lets others keep them."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class PublicKeys:
    """The service's key set, at ``url``; what was there is kept for when the service does not answer."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url, self._context = url, context
        self._keys: Any = None
        self._until = 0.0

    async def get(self) -> Any:
        """Return the key set (RFC 7517), or None when there never was an answer."""
        if time.monotonic() >= self._until:
            try:
                self._keys = await self._ask()
                self._until = time.monotonic() + FRESH
            except (aiohttp.ClientError, TimeoutError, ValueError):
                # Whoever asks next may have more luck; until then old keys are better than none.
                pass
        return self._keys

    async def _ask(self) -> Any:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session,
            session.get(f"{self._url}/jwks", ssl=self._context) as answer,
        ):
            return await answer.json()


def pages(public_url: str, keys: PublicKeys) -> list[tuple[str, type[BaseHandler]]]:
    """Return the handlers; ``public_url`` is the facility's in browsers."""
    issuer = f"{public_url}/hub{PATH}"
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }

    class Public(BaseHandler):
        def show(self, content: Any) -> None:
            self.set_header("Content-Type", "application/json")
            self.set_header("Cache-Control", f"public, max-age={FRESH}")
            self.finish(content)

    class Discovery(Public):
        async def get(self) -> None:
            self.show(document)

    class Keys(Public):
        async def get(self) -> None:
            found = await keys.get()
            if found is None:
                self.set_status(503)
                self.finish({"error": "the credential service does not answer"})
                return
            self.show(found)

    return [(f"{PATH}/.well-known/openid-configuration", Discovery), (f"{PATH}/jwks", Keys)]
