"""Log-in by OIDC: the issuer's endpoints, and who is let in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from services.hub.settings import Access, HubSettings, Oidc

ENDPOINTS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "userdata_url": "userinfo_endpoint",
}
"""Our names to those of OpenID Connect Discovery 1.0, section 3."""


class IssuerError(RuntimeError):
    """The issuer does not answer, or answers something else than it should."""


def fetch(url: str) -> str:
    """Return the text at an https address."""
    with urlopen(url, timeout=10) as response:  # noqa: S310 - the scheme is checked by the caller
        return response.read().decode()


def discover(
    issuer: str, get: Callable[[str], str] = fetch, tries: int = 10, pause: float = 3.0
) -> dict[str, str]:
    """Return the endpoints of ``issuer`` from its discovery document, under our names.

    Asks ``tries`` times with ``pause`` seconds in between, since an issuer may start
    later than the hub. Raises IssuerError.
    """
    if not issuer.startswith("https://"):
        raise IssuerError(f"the issuer {issuer} is not https: what it says could come from anybody")
    url = issuer.rstrip("/") + "/.well-known/openid-configuration"
    for left in reversed(range(tries)):
        try:
            document: dict[str, Any] = json.loads(get(url))
            break
        except (URLError, OSError, ValueError) as error:
            if left == 0:
                raise IssuerError(f"{url}: {error}; is coffea-casa:identity.issuer right?") from error
            time.sleep(pause)
    else:
        raise IssuerError(f"{url}: not asked")
    # Section 4.3: the two must be the same, or one issuer could speak for another.
    if document.get("issuer") != issuer:
        raise IssuerError(f"{url} is of the issuer {document.get('issuer')!r}, not of {issuer!r}")
    missing = [name for name in ENDPOINTS.values() if not str(document.get(name, "")).startswith("https://")]
    if missing:
        raise IssuerError(f"{url} lacks {', '.join(missing)} (https)")
    return {ours: document[theirs] for ours, theirs in ENDPOINTS.items()}


def endpoints(oidc: Oidc) -> dict[str, str]:
    """Return the endpoints of the settings, or those that the issuer tells."""
    given = {name: getattr(oidc, name) for name in ENDPOINTS}
    return given if all(given.values()) else discover(oidc.issuer)


def allow_rules(access: Access) -> dict[str, Any]:
    """Return OAuthenticator's traits for who is let in; nobody without a rule."""
    return {
        # JupyterHub lowers names at log-in, and compares with these as they are.
        "allowed_users": {user.lower() for user in access.users},
        "admin_users": {user.lower() for user in access.admins},
        "allowed_groups": set(access.groups),
        "admin_groups": set(access.admin_groups),
        "allow_all": access.everyone,
    }


def authenticator(settings: HubSettings, client_secret: str) -> dict[str, Any]:
    """Return the traits of GenericOAuthenticator."""
    oidc = settings.oidc
    traits: dict[str, Any] = {
        "client_id": oidc.client_id,
        "client_secret": client_secret,
        "oauth_callback_url": f"{settings.public_url}/hub/oauth_callback",
        **endpoints(oidc),
        "scope": oidc.scopes,
        "username_claim": oidc.username_claim,
        "login_service": oidc.login_service,
        "enable_pkce": True,
        "enable_auth_state": True,
        **allow_rules(settings.access),
        "custom_403_message": "Your log-in worked, but you are not on this facility's list of users. "
        "Please ask its operators.",
    }
    if oidc.groups_claim is not None:
        # OAuthenticator keeps the issuer's answer in auth_state under this name.
        traits |= {"manage_groups": True, "auth_state_groups_key": f"oauth_user.{oidc.groups_claim}"}
    return traits
