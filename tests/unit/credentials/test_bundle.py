"""A whole bundle."""

from __future__ import annotations

import time

import jwt
from cryptography import x509

from services.credentials.bundle import Mint
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import ADA


def test_a_bundle_has_its_files_and_when_they_end(mint: Mint, ca: Ca) -> None:
    now = int(time.time())
    answer = mint.bundle(ADA, now)
    assert set(answer.files) == {"ca.pem", "hostcert.pem", "usercert.pem", "access_token"}
    assert answer.files["ca.pem"] == ca.pem
    assert answer.expires == {
        "hostcert.pem": now + 604800,
        "usercert.pem": now + 604800,
        "access_token": now + 21600,
    }


def test_expiry_times_are_those_in_the_files(ca: Ca, mint: Mint) -> None:
    end = int(ca.authority().certificate.not_valid_after_utc.timestamp())
    bundle = mint.bundle(ADA, end - 5)
    for name in ("hostcert.pem", "usercert.pem"):
        certificate = x509.load_pem_x509_certificate(bundle.files[name].encode())
        assert bundle.expires[name] == int(certificate.not_valid_after_utc.timestamp())
    token = jwt.decode(bundle.files["access_token"], options={"verify_signature": False})
    assert bundle.expires["access_token"] == token["exp"]


def test_facts_and_the_printed_form_tell_no_secret(mint: Mint) -> None:
    bundle = mint.bundle(ADA, int(time.time()))
    signature = bundle.files["access_token"].rpartition(".")[2]
    for text in (repr(bundle.facts), repr(bundle), repr(mint)):
        assert "PRIVATE KEY" not in text
        assert signature not in text
    token = jwt.decode(bundle.files["access_token"], options={"verify_signature": False})
    assert bundle.facts["token"]["jti"] == token["jti"]  # type: ignore[index]
