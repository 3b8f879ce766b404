"""What the servers that want tokens are started with."""

from configparser import ConfigParser

import pytest

from components.xcache_config import config, redirector_config, tokens_config
from settings import TokenIssuer, XCache

ISSUER = "https://credentials.af.svc.cluster.local:8444"
AUDIENCE = "https://xcache.af.svc.cluster.local:1094"
MANAGER = "xcache-redirector.af.svc.cluster.local:1213"


def cache(*, mode: str = "authorised", issuers: tuple[TokenIssuer, ...] = ()) -> XCache:
    return XCache(origin="origin.example.org", prefix="/store", mode=mode, issuers=issuers)  # type: ignore[arg-type]


def directives(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


TEXTS = [
    pytest.param(directives(config(cache(), "af")), id="one cache"),
    pytest.param(directives(config(cache(), "af", MANAGER)), id="one of several caches"),
    pytest.param(directives(redirector_config(cache())), id="redirector"),
]


@pytest.mark.parametrize("lines", TEXTS)
def test_every_server_takes_logins_by_token_in_an_encrypted_session_and_no_others(lines: list[str]) -> None:
    assert [line for line in lines if line.startswith("sec.")] == [
        "sec.protocol ztn",
        "sec.protbind * only ztn",
    ]
    assert "xrootd.seclib libXrdSec.so" in lines
    assert "xrootd.tls capable login" in lines


@pytest.mark.parametrize("lines", TEXTS)
def test_every_server_asks_the_tokens_alone_what_is_allowed(lines: list[str]) -> None:
    assert [line for line in lines if line.startswith(("ofs.auth", "acc."))] == [
        "ofs.authorize",
        # "++" would add to another authority, and without "config=" every issuer's tokens are good.
        "ofs.authlib libXrdAccSciTokens.so config=/etc/coffea-casa/xcache/tokens.cfg",
    ]


@pytest.mark.parametrize("lines", TEXTS)
def test_there_is_no_other_door_and_nothing_is_written(lines: list[str]) -> None:
    assert not [line for line in lines if line.startswith("xrd.protocol") or "http" in line.lower()]
    (export,) = [line.split() for line in lines if line.startswith("all.export")]
    assert export[1] == "/store"
    assert "r/o" in export


def test_users_credentials_are_never_asked_for_to_be_handed_on() -> None:
    assert not [line for line in directives(config(cache(), "af")) if "persona" in line or "authz" in line]


def test_a_public_cache_wants_no_token() -> None:
    lines = directives(config(cache(mode="public"), "af"))
    assert not [
        line for line in lines if line.startswith(("sec.", "xrd.tls", "xrootd.tls", "xrootd.sec", "ofs.auth"))
    ]


def sections(issuers: tuple[TokenIssuer, ...] = ()) -> ConfigParser:
    parsed = ConfigParser(inline_comment_prefixes=(";",))
    parsed.read_string(tokens_config(cache(issuers=issuers), ISSUER, AUDIENCE))
    return parsed


def test_the_facilitys_tokens_are_good_for_this_cache_and_a_login_without_one_is_not() -> None:
    parsed = sections()
    assert dict(parsed["Global"]) == {"audience": AUDIENCE, "onmissing": "deny"}
    assert parsed.sections() == ["Global", "Issuer facility"]
    assert parsed["Issuer facility"]["issuer"] == ISSUER
    assert parsed["Issuer facility"]["base_path"] == "/"


def test_each_outside_issuer_has_its_own_paths() -> None:
    parsed = sections(
        issuers=(
            TokenIssuer(issuer="https://iam.example.org/"),
            TokenIssuer(issuer="https://other.example.org", base_paths=("/store/user", "/store/group")),
        )
    )
    found = {parsed[name]["issuer"]: parsed[name]["base_path"] for name in parsed.sections()[1:]}
    assert found == {
        ISSUER: "/",
        # To the letter, for tokens have it so.
        "https://iam.example.org/": "/",
        "https://other.example.org": "/store/user, /store/group",
    }


def test_no_issuer_gives_more_than_the_prefix_nor_by_groups_or_names() -> None:
    parsed = sections(issuers=(TokenIssuer(issuer="https://iam.example.org"),))
    for name in parsed.sections()[1:]:
        assert parsed[name]["restricted_path"] == "/store"
        assert parsed[name]["authorization_strategy"] == "capability"
        assert not {"map_subject", "default_user", "name_mapfile", "required_authorization"} & set(
            parsed[name]
        )
