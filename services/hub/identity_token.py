# pyright: basic
# JupyterHub and OAuthenticator have no types.
"""The access token of a user's log-in, kept fresh through the hub's auth state."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import jwt


class LogInAgainError(RuntimeError):
    """The issuer gives no new token for this log-in. Users read ``jupyterhub_message``."""

    jupyterhub_message = "Your log-in has ended. Please log out, log in again and start your server."


@dataclass(frozen=True)
class AccessToken:
    """A token and the end of its life, seconds since 1970."""

    text: str = field(repr=False)
    expires: int


async def fresh(spawner: Any) -> AccessToken:
    """Return a new access token of the spawner's user, and keep it in the auth state.

    It is the refresh token's (OAuth 2.0, RFC 6749, section 6), even where the one in the auth state still
    lives: that one may end at any moment. Raises LogInAgainError.
    """
    user, authenticator = spawner.user, spawner.authenticator
    state = await user.get_auth_state() or {}
    refresh_token = state.get("refresh_token")
    if not refresh_token:
        raise LogInAgainError(f"the log-in of {user.name!r} has no refresh token: is offline_access a scope?")
    parameters = authenticator.build_refresh_token_request_params(refresh_token)
    try:
        response = await authenticator.get_token_info(None, parameters)
    except Exception as error:
        # What the issuer says may quote the token.
        raise LogInAgainError(f"no new token for {user.name!r}: {type(error).__name__}") from None
    # The answer may have a new refresh token, and then the old one is worth nothing.
    await user.save_auth_state(
        state
        | {
            "access_token": response["access_token"],
            "refresh_token": response.get("refresh_token") or refresh_token,
            "token_response": state.get("token_response", {}) | response,
        }
    )
    return AccessToken(response["access_token"], expiry(response, time.time()))


def expiry(response: dict[str, Any], now: float) -> int:
    """Return when the token of an answer ends: as it says itself, else as the answer says (section 5.1).

    Where neither does, an hour from now.
    """
    try:
        # Whoever reads files with it checks it; here it is only looked at.
        claims = jwt.decode(response["access_token"], options={"verify_signature": False})
        return int(claims["exp"])
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return int(now + float(response.get("expires_in") or 3600))
