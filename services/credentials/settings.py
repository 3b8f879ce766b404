"""What the issuer is told: settings.json and public keys of a ConfigMap, private keys of Secrets.

``COFFEA_CASA_CREDENTIALS_SETTINGS``, ``_KEYS`` and ``_TLS`` name other directories.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """A file is not as the deployment writes it; the message names it and shows nothing of a secret."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The facility's HTCondor, as far as its tokens tell of it."""

    trust_domain: str
    """Tokens' ``iss``."""
    uid_domain: str
    """What stands behind the @ of users' names."""
    token_lifetime: int
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class ForSite:
    """A site's HTCondor, or its token service, as far as tokens for it tell of it."""

    issuer: str
    """https address below which the site finds the public keys; tokens' ``iss``."""
    audience: str
    """The site's SCITOKENS_SERVER_AUDIENCE, or the service's name."""
    token_lifetime: int
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class IssuerSettings:
    """settings.json; ``components/credentials.py`` writes it."""

    issuer: str
    """https address of the discovery documents; tokens' ``iss``."""
    sessions: tuple[str, ...]
    """Domains in which a session is called SLUG.DOMAIN."""
    token_lifetime: int
    """Seconds."""
    certificate_lifetime: int
    """Seconds."""
    audience: tuple[str, ...]
    """Whom tokens are for: the caches, by the names they have in their own configuration."""
    data_scopes: tuple[str, ...]
    """What tokens allow; ``{slug}`` stands for the user's label."""
    pool: Pool | None
    """None where the facility has no HTCondor of its own."""
    sci_tokens: ForSite | None = None
    """None where no site's HTCondor takes tokens of this issuer. Settings of release 0.1.0 do not have it."""
    assertions: ForSite | None = None
    """None where no site's token service takes this issuer's word. Nor do they have this."""


def parse(raw: Mapping[str, Any]) -> IssuerSettings:
    """Turn the content of settings.json into IssuerSettings. Raises SettingsError for a wrong set of keys."""
    values = _values(IssuerSettings, raw)
    values |= {name: tuple(values[name]) for name in ("sessions", "audience", "data_scopes")}
    for name, kind in (("pool", Pool), ("sci_tokens", ForSite), ("assertions", ForSite)):
        if values.get(name) is not None:
            values[name] = kind(**_values(kind, values[name]))
    return IssuerSettings(**values)


def _values(kind: type[IssuerSettings | Pool | ForSite], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of one object by the names of its fields."""
    names = {_camel(field.name): field.name for field in fields(kind)}
    needed = {_camel(field.name) for field in fields(kind) if field.default is MISSING}
    if wrong := (raw.keys() - names.keys()) | (needed - raw.keys()):
        raise SettingsError(f"settings.json: missing or unknown: {', '.join(sorted(wrong))}")
    return {names[key]: value for key, value in raw.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True)
class Places:
    """Where the deployment puts files."""

    settings: Path
    """settings.json, ca.pem, and published-*.pem: public keys that tokens may be checked with."""
    keys: Path
    """ca.key and signing.key; pool.key and assertion.key where the settings have a pool and assertions."""
    tls: Path
    """The server's own tls.crt and tls.key."""

    @classmethod
    def of_environment(cls) -> Places:
        """Return the deployment's places, or those that the environment names."""

        def place(name: str, usual: str) -> Path:
            return Path(os.environ.get(f"COFFEA_CASA_CREDENTIALS_{name}", usual))

        return cls(
            settings=place("SETTINGS", "/etc/coffea-casa/credentials"),
            keys=place("KEYS", "/run/secrets/credentials"),
            tls=place("TLS", "/run/secrets/tls"),
        )


def load(places: Places) -> IssuerSettings:
    """Read settings.json. Raises SettingsError."""
    try:
        return parse(json.loads(read(places.settings / "settings.json")))
    except json.JSONDecodeError as error:
        raise SettingsError(f"settings.json: {error}") from error


def read(path: Path) -> bytes:
    """Return a file's bytes. Raises SettingsError, which names the file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
