"""SciTokens for a site's HTCondor."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from services.credentials.bundle import Mint
from services.credentials.keys import AssertionKey, SigningKey, jwks, load_public
from services.credentials.person import Person
from services.credentials.scitoken import RESERVED, assertion, sci_token
from services.credentials.settings import ForSite
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import ADA, SETTINGS
from tests.unit.plugins.conftest import make, make_key

SITE = ForSite(
    issuer="https://af.example.org/hub/issuer",
    audience="https://condor.site.example.org",
    token_lifetime=3600,
)


def claims(text: str, signing: SigningKey) -> dict[str, Any]:
    return jwt.decode(text, signing.key.public_key(), algorithms=["ES256"], audience=SITE.audience)


def test_a_token_says_who_may_do_what_where_and_until_when(signing: SigningKey) -> None:
    now = int(time.time())
    token = sci_token(signing, ADA, SITE, now)
    told = claims(token.text, signing)
    assert (told["iss"], told["sub"], told["aud"]) == (SITE.issuer, ADA.slug, SITE.audience)
    assert told["scope"] == "condor:/READ condor:/WRITE"
    assert told["exp"] == token.expires == now + 3600
    assert jwt.get_unverified_header(token.text)["kid"] == signing.kid
    assert token.text not in repr(token)


@pytest.mark.parametrize(
    "audience", ["", "ANY", "https://wlcg.cern.ch/jwt/v1/any", "https://wlcg.cern.ch/jwt/v1/any/"]
)
def test_a_token_for_anybody_is_refused(signing: SigningKey, audience: str) -> None:
    with pytest.raises(ValueError, match="must say whom it is for"):
        sci_token(signing, ADA, replace(SITE, audience=audience), int(time.time()))


def test_a_bundle_has_it_as_htcondors_token_and_its_data_token_is_none_for_the_site(
    ca: Ca, signing: SigningKey
) -> None:
    now = int(time.time())
    bundle = Mint(replace(SETTINGS, sci_tokens=SITE), ca.authority(), signing).bundle(ADA, now)
    assert claims(bundle.files["condor_token"], signing)["sub"] == ADA.slug
    assert bundle.expires["condor_token"] == now + 3600
    with pytest.raises(jwt.InvalidAudienceError):
        claims(bundle.files["access_token"], signing)


@pytest.fixture(scope="module")
def rsa() -> dict[str, Any]:
    """An RSA key as the engine makes it."""
    return make_key("RSA")


@pytest.fixture(scope="module")
def asserting(rsa: dict[str, Any]) -> AssertionKey:
    return AssertionKey.load(rsa["privateKeyPemPkcs8"].encode())


def test_an_assertion_says_who_asks_and_nothing_of_rights(asserting: AssertionKey) -> None:
    now = int(time.time())
    token = assertion(asserting, ADA, SITE, now)
    told = jwt.decode(token.text, asserting.key.public_key(), algorithms=["RS256"], audience=SITE.audience)
    assert (told["iss"], told["sub"], told["unixname"]) == (SITE.issuer, ADA.slug, ADA.slug)
    assert told["exp"] == token.expires == now + 3600
    assert "scope" not in told
    assert token.text not in repr(token)
    with pytest.raises(ValueError, match="must say whom it is for"):
        assertion(asserting, ADA, replace(SITE, audience="any"), now)


def test_a_verifier_finds_the_assertions_key_by_its_name_beside_the_others(
    asserting: AssertionKey, rsa: dict[str, Any], signing: SigningKey
) -> None:
    keys = jwks([signing.key.public_key(), load_public(rsa["publicKeyPem"].encode())])["keys"]
    (found,) = [key for key in keys if key["kid"] == asserting.kid]
    assert (found["kty"], found["alg"]) == ("RSA", "RS256")
    assert not {"d", "p", "q"} & found.keys()
    text = assertion(asserting, ADA, SITE, int(time.time())).text
    jwt.decode(text, jwt.PyJWK(found).key, algorithms=["RS256"], audience=SITE.audience)
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}


def test_other_keys_do_not_sign_assertions() -> None:
    for wrong in (make_key(), make("PrivateKey", algorithm="RSA", rsaBits=1024)):
        with pytest.raises(ValueError, match="not a private RSA key of 2048 bits"):
            AssertionKey.load(wrong["privateKeyPemPkcs8"].encode())


def test_a_bundle_has_an_assertion_and_no_token_of_htcondors(
    ca: Ca, signing: SigningKey, asserting: AssertionKey
) -> None:
    mint = Mint(replace(SETTINGS, assertions=SITE), ca.authority(), signing, assertion_key=asserting)
    bundle = mint.bundle(ADA, int(time.time()))
    assert "condor_token" not in bundle.files
    assert jwt.get_unverified_header(bundle.files["condor_assertion"])["alg"] == "RS256"
    assert "condor_assertion" in bundle.expires
    assert bundle.files["condor_assertion"] not in str(bundle.facts)


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("section", ["sci_tokens", "assertions"])
def test_a_name_that_a_site_gives_rights_to_gets_nothing_for_it(
    name: str, section: str, ca: Ca, signing: SigningKey, asserting: AssertionKey
) -> None:
    settings = replace(SETTINGS, **{section: SITE})
    mint = Mint(settings, ca.authority(), signing, assertion_key=asserting)
    bundle = mint.bundle(Person(user=name, slug=name), int(time.time()))
    assert not [file for file in bundle.files if file.startswith("condor_")]
