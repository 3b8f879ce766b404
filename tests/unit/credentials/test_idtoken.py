"""IDTOKENs, against one that HTCondor's own condor_token_create (23.9.6) made of a known key."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from services.credentials.bundle import Mint
from services.credentials.idtoken import KEY_ID, CondorToken, PoolKey, id_token
from services.credentials.keys import SigningKey
from services.credentials.settings import Pool
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import ADA, SETTINGS

POOL = Pool(trust_domain="pool.example.org", uid_domain="users.example.org", token_lifetime=3600)
KEY_FILE = b"0123456789abcdef" * 4
THEIRS = (
    "eyJhbGciOiJIUzI1NiIsImtpZCI6IlBPT0wifQ.eyJleHAiOjE3OTU0NTA3OTksImlhdCI6MTc5NTQ0NzE5OSwiaXNzIjoicG9vbC5leGFtcGxl"
    "Lm9yZyIsImp0aSI6IjIwMzgzZjI1MWJiZjlmYWRhOTExMTU5MzgxYjRlMmRmIiwic2NvcGUiOiJjb25kb3I6XC9SRUFEIGNvbmRvcjpcL1dSSVRF"
    "Iiwic3ViIjoiYWRhLWV4YW1wbGUtb3JnLS0tOGIxZDJjM2VAdXNlcnMuZXhhbXBsZS5vcmcifQ."
    "WLg-veFr4VecOMY-fGnryWkH9VzLYWPR1pHyX0l4WUU"
)
"""condor_token_create -identity ada-example-org---8b1d2c3e@users.example.org -authz READ -authz WRITE
-lifetime 3600"""


def minted(now: int | None = None, **pool: Any) -> CondorToken:
    return id_token(PoolKey.load(KEY_FILE), ADA, replace(POOL, **pool), now or int(time.time()))


def claims(text: str, key_file: bytes = KEY_FILE, *, verify_exp: bool = True) -> dict[str, Any]:
    key = PoolKey.load(key_file).key
    return jwt.decode(
        text,
        key,
        algorithms=["HS256"],
        options={"require": ["exp", "iat", "jti", "sub", "iss", "scope"], "verify_exp": verify_exp},
    )


def test_htcondors_own_token_has_the_signature_and_the_claims_that_ours_have() -> None:
    theirs = claims(THEIRS, verify_exp=False)
    ours = claims(minted().text)
    assert ours.keys() == theirs.keys()
    assert {k: ours[k] for k in ("iss", "sub", "scope")} == {k: theirs[k] for k in ("iss", "sub", "scope")}
    assert len(ours["jti"]) == len(theirs["jti"]) == 32
    assert theirs["exp"] - theirs["iat"] == ours["exp"] - ours["iat"] == 3600


def test_the_header_is_htcondors() -> None:
    ours, theirs = jwt.get_unverified_header(minted().text), jwt.get_unverified_header(THEIRS)
    assert {k: ours[k] for k in theirs} == theirs
    assert ours["kid"] == KEY_ID


def test_another_key_signs_otherwise() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        claims(THEIRS, KEY_FILE[:-1] + b"0", verify_exp=False)


def test_a_line_end_in_the_key_file_is_part_of_the_key() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        claims(THEIRS, KEY_FILE + b"\n", verify_exp=False)


def test_a_token_may_read_and_write_and_no_more() -> None:
    assert claims(minted().text)["scope"].split() == ["condor:/READ", "condor:/WRITE"]


def test_a_token_ends() -> None:
    token = minted(int(time.time()) - 100, token_lifetime=60)
    with pytest.raises(jwt.ExpiredSignatureError):
        claims(token.text)
    assert token.expires == claims(token.text, verify_exp=False)["exp"]


def test_trust_domain_and_uid_domain_are_not_mixed_up() -> None:
    told = claims(minted(trust_domain="a.example.org", uid_domain="b.example.org").text)
    assert told["iss"] == "a.example.org"
    assert told["sub"] == f"{ADA.slug}@b.example.org"


def test_no_two_tokens_are_the_same() -> None:
    now = int(time.time())
    assert len({minted(now).jti for _ in range(5)}) == 5


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31])
def test_a_weak_key_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PoolKey.load(content)


def test_the_bundle_of_a_facility_with_a_pool_has_the_token_and_when_it_ends(
    ca: Ca, signing: SigningKey
) -> None:
    key = PoolKey.load(KEY_FILE)
    mint = Mint(replace(SETTINGS, pool=POOL), ca.authority(), signing, key)
    now = int(time.time())
    bundle = mint.bundle(ADA, now)
    assert claims(bundle.files["condor_token"])["sub"] == f"{ADA.slug}@users.example.org"
    assert bundle.expires["condor_token"] == now + 3600
    signature = bundle.files["condor_token"].rpartition(".")[2]
    for text in (repr(bundle.facts), repr(bundle), repr(mint)):
        assert signature not in text
        assert str(key.key) not in text


def test_without_a_pool_there_is_no_token(mint: Mint) -> None:
    assert "condor_token" not in mint.bundle(ADA, int(time.time())).files
