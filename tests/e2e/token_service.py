"""A site's token service: the API of condor-token-service, and the site's own condor_token_create behind it.

    token_service.py SETTINGS      (JSON, see site_pool.token_service)

That program is published as source on GitHub alone and so is not run here; this one keeps to its README,
"API", and signs with the site's real key. Each request leaves a line: the outcome, and for whom.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from typing import Any

import jwt
import requests
from aiohttp import web

LIFETIME = 40
"""Seconds: short, so that a test sees one renewed."""


def verified(settings: dict[str, Any], token: str) -> dict[str, Any]:
    """Return an assertion's claims. Raises jwt.InvalidTokenError."""
    answer = requests.get(f"{settings['issuer']}/jwks", verify=settings["ca"], timeout=10)
    keys = jwt.PyJWKSet.from_dict(answer.json())
    return jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience=settings["audience"],
        issuer=settings["issuer"],
        options={"require": ["exp", "iat", "sub"]},
    )


def application(settings: dict[str, Any]) -> web.Application:
    """Return the web application."""

    async def tokens(request: web.Request) -> web.Response:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            name = verified(settings, given)["unixname"] if scheme == "Bearer" else ""
        except (jwt.InvalidTokenError, KeyError) as error:
            print("denied", type(error).__name__, flush=True)
            return web.json_response({"detail": "Invalid or expired token"}, status=401)
        who = f"{name}@{settings['domain']}"
        command = [*settings["mint"], "-identity", who, "-lifetime", str(LIFETIME)]
        minted = subprocess.run(command, capture_output=True, text=True, timeout=30)
        if not name or minted.returncode:
            print("error", minted.stderr, flush=True)
            return web.json_response({"detail": "Token minting failed."}, status=502)
        print("issued", who, flush=True)
        return web.json_response({"token": minted.stdout.strip(), "identity": who, "expires_at": ""})

    app = web.Application()
    app.router.add_post("/v1/token", tokens)
    return app


if __name__ == "__main__":
    told: dict[str, Any] = json.loads(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*told["certificate"])
    print("ready", flush=True)
    host, port = told["place"]
    web.run_app(application(told), host=host, port=port, ssl_context=context, print=None)
