"""Data tokens: what a user shows a cache to read files.

Claims are those of the WLCG Common JWT Profiles 1.0 (sections "Common claims" and
"Scope-based attribute mapping"), which XRootD's SciTokens library reads as well.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import jwt

from services.credentials.keys import ALGORITHM, SigningKey
from services.credentials.person import Person
from services.credentials.settings import IssuerSettings

ANYBODY = ("https://wlcg.cern.ch/jwt/v1/any", "any")
"""Audiences, in lower case, that verifiers take whatever they are configured to want: the profile's own,
and that of SciTokens 2.0."""


@dataclass(frozen=True)
class DataToken:
    """A signed token and what may be told of it."""

    text: str
    jti: str
    kid: str
    scope: str
    expires: int
    """Seconds since 1970."""


def data_token(signing: SigningKey, person: Person, settings: IssuerSettings, now: int) -> DataToken:
    """Return a token for one user from ``now`` (seconds since 1970) on.

    Raises ValueError for an audience that is missing or means anybody, and for no scope.
    """
    audience = list(settings.audience)
    if not audience or any(name.lower().rstrip("/") in ANYBODY for name in audience):
        raise ValueError("a data token must say whom it is for, by name")
    if not settings.data_scopes:
        raise ValueError("a data token must say what it allows")
    # Not str.format, which would let a setting look into objects.
    scope = " ".join(scope.replace("{slug}", person.slug) for scope in settings.data_scopes)
    jti, expires = str(uuid.uuid4()), now + settings.token_lifetime
    claims = {
        "wlcg.ver": "1.0",
        "iss": settings.issuer,
        "sub": person.user,
        # Verifiers take a list as well, but some logs and people read one name better.
        "aud": audience[0] if len(audience) == 1 else audience,
        "scope": scope,
        "iat": now,
        "nbf": now,
        "exp": expires,
        "jti": jti,
    }
    text = jwt.encode(claims, signing.key, ALGORITHM, headers={"kid": signing.kid, "typ": "JWT"})
    return DataToken(text=text, jti=jti, kid=signing.kid, scope=scope, expires=expires)
