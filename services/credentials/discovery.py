"""What verifiers of tokens read: who the issuer is and its public keys, for anybody.

The document has the fields of OpenID Connect Discovery 1.0, section 3, that an issuer
without log-in can have.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from services.credentials.keys import PublicKey, algorithm, jwks

_CACHE = {"Cache-Control": "public, max-age=300"}
"""Seconds; verifiers of the SciTokens library look again after 600."""


def document(issuer: str, keys: Sequence[PublicKey]) -> dict[str, object]:
    """Return the discovery document."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({algorithm(key) for key in keys}),
    }


def application(issuer: str, keys: Sequence[PublicKey]) -> web.Application:
    """Return the web application; its answers are made once."""
    discovery, published = document(issuer, keys), jwks(keys)

    async def configuration(_request: web.Request) -> web.Response:
        return web.json_response(discovery, headers=_CACHE)

    async def key_set(_request: web.Request) -> web.Response:
        return web.json_response(published, headers=_CACHE)

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(client_max_size=1)
    app.router.add_get("/.well-known/openid-configuration", configuration)
    app.router.add_get("/jwks", key_set)
    app.router.add_get("/healthz", health)
    return app
