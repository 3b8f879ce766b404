"""Data tokens."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from services.credentials.keys import SigningKey
from services.credentials.token import ANYBODY, DataToken, data_token
from settings import rules
from tests.unit.credentials.conftest import ADA, CACHE, ISSUER, SETTINGS


def minted(signing: SigningKey, *, now: int | None = None, **settings: Any) -> DataToken:
    return data_token(signing, ADA, replace(SETTINGS, **settings), now or int(time.time()))


def claims(signing: SigningKey, token: DataToken, audience: str = CACHE) -> dict[str, Any]:
    """Verify as a cache does."""
    key = signing.key.public_key()
    wanted = ["exp", "iat", "nbf", "sub", "jti", "scope", "wlcg.ver"]
    return jwt.decode(
        token.text,
        key,
        algorithms=["ES256"],
        audience=audience,
        issuer=ISSUER,
        options={"require": wanted},
    )


def test_a_token_says_who_for_whom_what_and_how_long(signing: SigningKey) -> None:
    now = int(time.time())
    token = minted(signing, now=now)
    assert claims(signing, token) == {
        "wlcg.ver": "1.0",
        "iss": ISSUER,
        "sub": "ada@example.org",
        "aud": CACHE,
        "scope": "storage.read:/",
        "iat": now,
        "nbf": now,
        "exp": now + 21600,
        "jti": token.jti,
    }
    assert token.expires == now + 21600


def test_the_header_names_the_key_and_the_algorithm(signing: SigningKey) -> None:
    header = jwt.get_unverified_header(minted(signing).text)
    assert header == {"alg": "ES256", "kid": signing.kid, "typ": "JWT"}


def test_no_two_tokens_are_the_same(signing: SigningKey) -> None:
    now = int(time.time())
    assert len({minted(signing, now=now).jti for _ in range(5)}) == 5


def test_several_caches_are_a_list(signing: SigningKey) -> None:
    second = "https://xcache.example.org:1094"
    token = minted(signing, audience=(CACHE, second))
    assert claims(signing, token)["aud"] == [CACHE, second]
    assert claims(signing, token, second)


def test_another_cache_refuses_the_token(signing: SigningKey) -> None:
    with pytest.raises(jwt.InvalidAudienceError):
        claims(signing, minted(signing), "https://xcache.elsewhere.example.org:1094")


WLCG = "https://wlcg.cern.ch/jwt/v1/any"


@pytest.mark.parametrize("audience", [(WLCG,), (CACHE, WLCG), (f"{WLCG}/",), (WLCG.upper(),), ("ANY",), ()])
def test_no_token_is_for_anybody(signing: SigningKey, audience: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="whom it is for"):
        minted(signing, audience=audience)


def test_settings_and_issuer_agree_on_who_is_anybody() -> None:
    assert ANYBODY == rules.ANYBODY


def test_no_token_allows_nothing(signing: SigningKey) -> None:
    with pytest.raises(ValueError, match="what it allows"):
        minted(signing, data_scopes=())


def test_a_scope_may_be_the_users_own_path(signing: SigningKey) -> None:
    scopes = ("storage.read:/store/user/{slug}", "storage.read:/store/data")
    token = minted(signing, data_scopes=scopes)
    wanted = f"storage.read:/store/user/{ADA.slug} storage.read:/store/data"
    assert claims(signing, token)["scope"] == token.scope == wanted


def test_a_scope_is_no_format_string(signing: SigningKey) -> None:
    token = minted(signing, data_scopes=("storage.read:/{slug.__class__}",))
    assert token.scope == "storage.read:/{slug.__class__}"


def test_a_token_ends(signing: SigningKey) -> None:
    token = minted(signing, now=int(time.time()) - 100, token_lifetime=60)
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(signing, token)
