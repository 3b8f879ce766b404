"""OIDC issuers: whether they answer, and know what the facility asks of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import requests

from check.finding import Finding, failed, not_applicable, ok
from settings import Settings

Verify = bool | str
"""Whether to trust the public CAs, or the file of the one to trust (requests)."""
LOG_IN = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
KEYS = ("jwks_uri",)


class IssuerError(ValueError):
    """The issuer does not answer, or not as the facility needs it to."""


def discover(issuer: str, needed: Collection[str], verify: Verify = True) -> dict[str, Any]:
    """Return an issuer's discovery document (OpenID Connect Discovery 1.0, section 4). Raises IssuerError.

    ``needed`` are keys whose values are https addresses.
    """
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        answer = requests.get(url, timeout=10, verify=verify)
        answer.raise_for_status()
        answered: object = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise IssuerError(f"{url}: {error}") from error
    # Section 4.3: the two must be the same, letter by letter.
    document = cast(dict[str, Any], answered) if isinstance(answered, dict) else {}
    told = document.get("issuer")
    if told != issuer:
        raise IssuerError(f"{url} is of the issuer {told!r}, not of {issuer!r}")
    missing = [key for key in needed if not str(document.get(key, "")).startswith("https://")]
    if missing:
        raise IssuerError(f"{url} lacks {', '.join(missing)} (https)")
    return document


def log_in(settings: Settings, verify: Verify = True) -> Finding:
    """Ask the issuer that users log in at; scopes count where it lists those that it knows."""
    name, issuer = "OIDC issuer", settings.identity.issuer
    if issuer is None:
        return not_applicable(name, "the facility has its own Dex")
    try:
        document = discover(issuer, LOG_IN, verify)
    except IssuerError as error:
        return failed(name, str(error), "write coffea-casa:identity.issuer as the issuer itself does")
    # RECOMMENDED (section 3), so its absence says nothing.
    known = cast(list[str], document.get("scopes_supported") or [])
    missing = sorted({*settings.identity.scopes} - {*known}) if known else []
    if missing:
        remedy = "ask for others in coffea-casa:identity.scopes, or have the issuer allow them"
        return failed(name, f"{issuer} does not know the scopes {', '.join(missing)}", remedy)
    unsaid = "" if known else ", which does not say what scopes it knows"
    return ok(name, f"{issuer} answers{unsaid}")


def data_tokens(settings: Settings, verify: Verify = True) -> Finding:
    """Ask the issuers whose data tokens the cache takes besides the facility's own."""
    name = "token issuers"
    issuers = [other.issuer for other in settings.xcache.issuers] if settings.xcache else []
    if not issuers:
        return not_applicable(name, "no coffea-casa:xcache.issuers")
    for issuer in issuers:
        try:
            discover(issuer, KEYS, verify)
        except IssuerError as error:
            return failed(name, str(error), "write coffea-casa:xcache.issuers as tokens name their issuer")
    return ok(name, f"{', '.join(issuers)} answer")
