"""IDTOKENs: what a user shows the facility's HTCondor.

HTCondor signs with HS256 and a key that it derives from its pool's key file (HTCondor's manual,
"Token Authentication"; its source, condor_utils/token_utils.cpp and condor_io/condor_auth_passwd.cpp;
compared byte for byte with condor_token_create of 23.9.6).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from itertools import cycle

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.credentials.person import Person
from services.credentials.settings import Pool

KEY_ID = "POOL"
"""HTCondor's name of a pool's first key."""
SCOPES = ("condor:/READ", "condor:/WRITE")
"""To look, and to submit and remove: no daemon's and no administrator's right."""
_SCRAMBLE = b"\xde\xad\xbe\xef"
_SHORTEST = 32
"""Bytes of a key file: as many as the key that is derived from it has."""


@dataclass(frozen=True)
class PoolKey:
    """The key that a pool's tokens are signed with."""

    key: bytes = field(repr=False)

    @classmethod
    def load(cls, content: bytes) -> PoolKey:
        """Derive it from the pool's key file. Raises ValueError for a file that is too short."""
        if len(content) < _SHORTEST:
            raise ValueError(f"the pool's key has less than {_SHORTEST} bytes")
        plain = bytes(a ^ b for a, b in zip(content, cycle(_SCRAMBLE), strict=False))
        # Twice, for the pool's key alone: HTCondor's heritage of the days of pool passwords.
        derive = HKDF(hashes.SHA256(), length=32, salt=b"htcondor", info=b"master jwt")
        return cls(derive.derive(plain + plain))


@dataclass(frozen=True)
class CondorToken:
    """A signed token for HTCondor and what may be told of it."""

    text: str = field(repr=False)
    jti: str
    subject: str
    expires: int
    """Seconds since 1970."""


def id_token(key: PoolKey, person: Person, pool: Pool, now: int) -> CondorToken:
    """Return a token for one user from ``now`` (seconds since 1970) on.

    The name in it is the user's label, which HTCondor takes for a name whatever the user's own has in it.
    """
    jti, expires = uuid.uuid4().hex, now + pool.token_lifetime
    subject = f"{person.slug}@{pool.uid_domain}"
    claims = {
        "iss": pool.trust_domain,
        "sub": subject,
        "scope": " ".join(SCOPES),
        "iat": now,
        # Without it a token is for ever.
        "exp": expires,
        "jti": jti,
    }
    text = jwt.encode(claims, key.key, "HS256", headers={"kid": KEY_ID})
    return CondorToken(text=text, jti=jti, subject=subject, expires=expires)
