"""Everything one user's session needs to show who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.credentials.authority import Authority, host_pair, user_pair
from services.credentials.idtoken import PoolKey, id_token
from services.credentials.keys import SigningKey
from services.credentials.person import Person
from services.credentials.settings import IssuerSettings
from services.credentials.token import data_token


@dataclass(frozen=True)
class Bundle:
    """Files and the end of their lives; ``facts`` is what may be told of them in a log."""

    files: Mapping[str, str] = field(repr=False)
    """File name to content. Secret."""
    expires: Mapping[str, int]
    """File name to seconds since 1970; the CA's certificate is not on the list."""
    facts: Mapping[str, object]

    def answer(self) -> dict[str, object]:
        """Return what the hub is sent."""
        return {"files": dict(self.files), "expires": dict(self.expires)}


@dataclass(frozen=True)
class Mint:
    """All that signs, and how."""

    settings: IssuerSettings
    authority: Authority = field(repr=False)
    signing: SigningKey = field(repr=False)
    pool_key: PoolKey | None = field(default=None, repr=False)
    """Of the pool in the settings."""

    def bundle(self, person: Person, now: int) -> Bundle:
        """Return new credentials for a user from ``now`` (seconds since 1970) on.

        Raises ValueError when the CA's life is over.
        """
        settings = self.settings
        life = settings.certificate_lifetime
        host = host_pair(self.authority, person, settings.sessions, life, now)
        user = user_pair(self.authority, person, settings.issuer, life, now)
        token = data_token(self.signing, person, settings, now)
        bundle = Bundle(
            files={
                "ca.pem": self.authority.pem,
                "hostcert.pem": host.pem,
                "usercert.pem": user.pem,
                "access_token": token.text,
            },
            expires={
                "hostcert.pem": host.expires,
                "usercert.pem": user.expires,
                "access_token": token.expires,
            },
            facts={
                "serials": {"hostcert.pem": host.serial, "usercert.pem": user.serial},
                "token": {"jti": token.jti, "kid": token.kid, "scope": token.scope},
            },
        )
        return self._with_id_token(bundle, person, now)

    def _with_id_token(self, bundle: Bundle, person: Person, now: int) -> Bundle:
        if self.settings.pool is None or self.pool_key is None:
            return bundle
        token = id_token(self.pool_key, person, self.settings.pool, now)
        return Bundle(
            files={**bundle.files, "condor_token": token.text},
            expires={**bundle.expires, "condor_token": token.expires},
            facts={**bundle.facts, "condor_token": {"jti": token.jti, "sub": token.subject}},
        )
