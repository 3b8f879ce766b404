"""Access tokens of log-ins, by the real OAuthenticator and an issuer that answers as told."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from aiohttp import web
from oauthenticator.generic import GenericOAuthenticator

from services.hub.identity_token import LogInAgainError, expiry, fresh


@asynccontextmanager
async def issuer(answer: dict[str, Any], status: int = 200) -> AsyncGenerator[tuple[str, list[Any]]]:
    """A token endpoint; gives its address and what it was asked."""
    asked = list[Any]()

    async def token(request: web.Request) -> web.Response:
        asked.append(dict(await request.post()))
        return web.json_response(answer, status=status)

    app = web.Application()
    app.router.add_post("/token", token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/token", asked
    finally:
        await runner.cleanup()


class User:
    """A user of the hub with an auth state."""

    name = "ada@example.org"

    def __init__(self, state: dict[str, Any] | None) -> None:
        self.state = state

    async def get_auth_state(self) -> dict[str, Any] | None:
        return self.state

    async def save_auth_state(self, state: dict[str, Any]) -> None:
        self.state = state


def spawner(url: str, state: dict[str, Any] | None) -> Any:
    authenticator = GenericOAuthenticator(token_url=url, client_id="facility", client_secret="s")
    return SimpleNamespace(user=User(state), authenticator=authenticator)


STATE = {"access_token": "old", "refresh_token": "first", "oauth_user": {"sub": "ada"}}


async def test_a_new_token_is_asked_for_with_the_refresh_token_and_kept() -> None:
    end = int(time.time()) + 600
    new = jwt.encode({"exp": end}, "k" * 32)
    async with issuer({"access_token": new, "refresh_token": "second", "token_type": "bearer"}) as (
        url,
        asked,
    ):
        made = spawner(url, dict(STATE))
        token = await fresh(made)
    assert (token.text, token.expires) == (new, end)
    assert asked[0]["grant_type"] == "refresh_token"
    assert asked[0]["refresh_token"] == "first"
    assert made.user.state["access_token"] == new
    assert made.user.state["refresh_token"] == "second"
    assert made.user.state["oauth_user"] == {"sub": "ada"}
    assert new not in repr(token)


async def test_a_refresh_token_that_is_not_replaced_stays() -> None:
    async with issuer({"access_token": "opaque", "expires_in": 60}) as (url, _):
        made = spawner(url, dict(STATE))
        token = await fresh(made)
    assert made.user.state["refresh_token"] == "first"
    assert 50 <= token.expires - time.time() <= 60


@pytest.mark.parametrize("state", [None, {}, {"access_token": "old", "refresh_token": None}])
async def test_a_log_in_that_cannot_be_renewed_is_said_to_be_at_its_end(state: Any) -> None:
    with pytest.raises(LogInAgainError, match="offline_access") as caught:
        await fresh(spawner("http://127.0.0.1:1/token", state))
    assert "log in again" in caught.value.jupyterhub_message


async def test_a_refusal_of_the_issuer_shows_no_token_and_keeps_the_state() -> None:
    async with issuer({"error": "invalid_grant", "error_description": "first is used up"}, 400) as (url, _):
        made = spawner(url, dict(STATE))
        with pytest.raises(LogInAgainError) as caught:
            await fresh(made)
    assert "first" not in str(caught.value)
    assert made.user.state == STATE


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"access_token": jwt.encode({"exp": 5}, "k" * 32), "expires_in": 60}, 5),
        ({"access_token": jwt.encode({}, "k" * 32), "expires_in": 60}, 1060),
        ({"access_token": "opaque", "expires_in": "60"}, 1060),
        ({"access_token": "opaque"}, 4600),
    ],
)
def test_a_tokens_end_is_what_it_says_else_what_its_answer_says(response: dict[str, Any], end: int) -> None:
    assert expiry(response, 1000) == end
