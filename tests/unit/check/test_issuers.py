"""Discovery, asked of a real TLS server."""

from __future__ import annotations

from typing import Any

import pytest

from check.issuers import data_tokens, log_in
from tests.unit.check.conftest import Answer, Server, settings

PATH = "/.well-known/openid-configuration"
HTTPS = "https://issuer.example.org"


def site(issuer: str) -> Any:
    identity = {"issuer": issuer, "clientId": "af", "scopes": ["openid", "profile", "email"]}
    return settings(identity=identity, access={"everyone": True})


def document(issuer: str, **more: Any) -> dict[str, Any]:
    ends = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    return {"issuer": issuer, **dict.fromkeys(ends, f"{HTTPS}/x"), **more}


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_issuer_that_answers_with_the_scopes_is_ok(server: Server, slash: str) -> None:
    issuer = server.url + slash
    known = ["openid", "profile", "email", "address"]
    server.answers[PATH] = Answer(body=document(issuer, scopes_supported=known))
    assert log_in(site(issuer), server.ca).verdict == "ok"
    assert server.asked == [f"GET {PATH}"]


def test_one_that_does_not_list_scopes_is_ok_and_that_is_said(server: Server) -> None:
    server.answers[PATH] = Answer(body=document(server.url))
    found = log_in(site(server.url), server.ca)
    assert found.verdict == "ok"
    assert "does not say what scopes" in found.text


def test_a_scope_it_does_not_know_fails_by_name(server: Server) -> None:
    server.answers[PATH] = Answer(body=document(server.url, scopes_supported=["openid", "email"]))
    found = log_in(site(server.url), server.ca)
    assert (found.verdict, "scopes profile" in found.text) == ("FAILED", True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404), "404"),
        (Answer(body=b"<html>"), "openid-configuration"),
        (Answer(body=["a"]), "of the issuer None"),
        (Answer(body={"issuer": "https://other.example.org"}), "of the issuer 'https://other.example.org'"),
    ],
)
def test_an_answer_that_is_none_fails(server: Server, answer: Answer, said: str) -> None:
    server.answers[PATH] = answer
    found = log_in(site(server.url), server.ca)
    assert found.verdict == "FAILED"
    assert said in found.text
    assert "coffea-casa:identity.issuer" in found.remedy


def test_an_endpoint_that_is_not_https_fails_by_name(server: Server) -> None:
    server.answers[PATH] = Answer(body=document(server.url, token_endpoint="http://x"))
    assert "lacks token_endpoint" in log_in(site(server.url), server.ca).text


def test_a_certificate_of_nobody_known_fails(server: Server) -> None:
    server.answers[PATH] = Answer(body=document(server.url))
    found = log_in(site(server.url))
    assert (found.verdict, "CERTIFICATE_VERIFY_FAILED" in found.text) == ("FAILED", True)
    assert not server.asked


def test_nobody_there_fails() -> None:
    assert log_in(site("https://localhost:1")).verdict == "FAILED"


def test_an_own_dex_is_not_asked() -> None:
    assert log_in(settings()).verdict == "not applicable"


def cached(*issuers: str) -> Any:
    listed = [{"issuer": issuer} for issuer in issuers]
    return settings(
        xcache={"origin": "o.example.org", "prefix": "/a", "mode": "authorised", "issuers": listed}
    )


def test_issuers_of_data_tokens_need_keys_and_no_log_in(server: Server) -> None:
    assert data_tokens(cached()).verdict == "not applicable"
    server.answers[PATH] = Answer(body={"issuer": server.url, "jwks_uri": f"{HTTPS}/keys"})
    assert data_tokens(cached(server.url), server.ca).verdict == "ok"
    assert data_tokens(cached(server.url, "https://localhost:1"), server.ca).verdict == "FAILED"
    server.answers[PATH] = Answer(body={"issuer": server.url})
    assert "lacks jwks_uri" in data_tokens(cached(server.url), server.ca).text
