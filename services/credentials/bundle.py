"""Everything one user's session needs to show who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.credentials.authority import Authority, host_pair, user_pair
from services.credentials.idtoken import CondorToken, PoolKey, id_token
from services.credentials.keys import AssertionKey, SigningKey
from services.credentials.person import Person
from services.credentials.scitoken import RESERVED, assertion, sci_token
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
    assertion_key: AssertionKey | None = field(default=None, repr=False)
    """Of the assertions in the settings."""

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
        for name, token in self._condor_tokens(person, now).items():
            bundle = Bundle(
                files={**bundle.files, name: token.text},
                expires={**bundle.expires, name: token.expires},
                facts={**bundle.facts, name: {"jti": token.jti, "sub": token.subject}},
            )
        return bundle

    def _condor_tokens(self, person: Person, now: int) -> dict[str, CondorToken]:
        """Return by file name what HTCondor, the facility's own or a site's, or a token service is shown."""
        settings = self.settings
        if settings.pool and self.pool_key:
            return {"condor_token": id_token(self.pool_key, person, settings.pool, now)}
        if person.slug in RESERVED:
            return {}
        if settings.sci_tokens:
            return {"condor_token": sci_token(self.signing, person, settings.sci_tokens, now)}
        if settings.assertions and self.assertion_key:
            return {"condor_assertion": assertion(self.assertion_key, person, settings.assertions, now)}
        return {}
