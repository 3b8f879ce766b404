"""The hub as a client of the credential service: asks for one user's bundle, over mutual TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

CA = Path("/etc/coffea-casa/ca/ca.pem")
CLIENT = Path("/run/secrets/issuer")
"""tls.crt and tls.key: who the hub is. A new pair comes with a new pod."""
_TRIES, _PAUSE, _LONGEST = 6, 0.5, 5.0
"""How often to ask, and seconds to wait at first (twice as long each time) and at most: 12 s in all."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_LATER = (429, 500, 502, 503, 504)
"""Answers that may be another one a moment later (RFC 9110, section 15; RFC 6585, section 4)."""
_AT_ONCE = 16
"""Requests at a time: every session is due when the hub comes back, and the service has others to serve."""


class IssuerError(RuntimeError):
    """There is no bundle; the message holds nothing secret. Users read ``jupyterhub_message``."""

    jupyterhub_message = (
        "The facility's credential service does not answer, so your server cannot start just now. "
        "Please try again in a minute; if it stays so, tell the facility's operators."
    )


@dataclass(frozen=True)
class Bundle:
    """One user's credentials: file name to content (secret), and to the end of life in seconds since 1970."""

    files: Mapping[str, str] = field(repr=False)
    expires: Mapping[str, int]


def tls_context(ca: Path = CA, client: Path = CLIENT) -> ssl.SSLContext:
    """Return a context that trusts the facility's CA alone and shows the hub's certificate."""
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(client / "tls.crt", client / "tls.key")
    return context


class IssuerClient:
    """Asks the credential service at ``url``."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url, self._context = f"{url}/v1/bundles", context
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def bundle(self, user: str, slug: str) -> Bundle:
        """Return new credentials for a user. Raises IssuerError after some tries."""
        refusal = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(min(_PAUSE * 2 ** (attempt - 1), _LONGEST))
            try:
                async with self._free:
                    status, answer = await self._ask({"user": user, "slug": slug})
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                refusal = f"{type(error).__name__}: {error}"
                continue
            if status == 200:
                return Bundle(files=answer["files"], expires=answer["expires"])
            refusal = f"{status} {answer.get('error', '')}"
            if status not in _LATER:
                break
        raise IssuerError(f"no credentials for {user!r} from {self._url}: {refusal}")

    async def _ask(self, person: Mapping[str, str]) -> tuple[int, Any]:
        # A connection of its own each time finds another pod when one has gone.
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.post(self._url, json=person, ssl=self._context) as answer,
        ):
            return answer.status, await answer.json()
