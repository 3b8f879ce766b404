"""What a user shows a site with an HTCondor of its own: a SciToken, or a statement for its token service.

HTCondor's manual, "SciTokens Authentication"; the scopes are those of its section "Token Authentication".
The site maps issuer and subject to a user of its own (CERTIFICATE_MAPFILE).

The statement is what condor-token-service takes (maniaclab/condor-token-service 0.1.1, README, "The
credential it verifies") and answers with an IDTOKEN of the site's own.
"""

from __future__ import annotations

import uuid

import jwt

from services.credentials.idtoken import SCOPES, CondorToken
from services.credentials.keys import ALGORITHM, RSA_ALGORITHM, AssertionKey, SigningKey
from services.credentials.person import Person
from services.credentials.settings import ForSite
from services.credentials.token import ANYBODY

RESERVED = ("condor", "root")
"""Names that HTCondor gives rights that no setting of a site takes away."""


def sci_token(signing: SigningKey, person: Person, settings: ForSite, now: int) -> CondorToken:
    """Return a token for one user from ``now`` (seconds since 1970) on.

    The name in it is the user's label, which fits every site's rules for names. Raises ValueError for an
    audience that means anybody.
    """
    _named(settings.audience)
    jti, expires = str(uuid.uuid4()), now + settings.token_lifetime
    claims = {
        "ver": "scitoken:2.0",
        "iss": settings.issuer,
        "sub": person.slug,
        "aud": settings.audience,
        "scope": " ".join(SCOPES),
        "iat": now,
        "nbf": now,
        "exp": expires,
        "jti": jti,
    }
    text = jwt.encode(claims, signing.key, ALGORITHM, headers={"kid": signing.kid, "typ": "JWT"})
    return CondorToken(text=text, jti=jti, subject=person.slug, expires=expires)


def assertion(key: AssertionKey, person: Person, settings: ForSite, now: int) -> CondorToken:
    """Return a statement of who one user is, for a token service, from ``now`` (seconds since 1970) on.

    It says who asks and nothing of rights. ``unixname`` is the user's label: their name where that is a plain
    one. Raises ValueError for an audience that means anybody.
    """
    _named(settings.audience)
    jti, expires = str(uuid.uuid4()), now + settings.token_lifetime
    claims = {
        "iss": settings.issuer,
        "sub": person.slug,
        "aud": settings.audience,
        "unixname": person.slug,
        "iat": now,
        "nbf": now,
        "exp": expires,
        "jti": jti,
    }
    text = jwt.encode(claims, key.key, RSA_ALGORITHM, headers={"kid": key.kid, "typ": "JWT"})
    return CondorToken(text=text, jti=jti, subject=person.slug, expires=expires)


def _named(audience: str) -> None:
    if not audience or audience.lower().rstrip("/") in ANYBODY:
        raise ValueError("a token for a site must say whom it is for, by name")
