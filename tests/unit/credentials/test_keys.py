"""Keys of tokens and the JWK set."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.credentials.keys import SigningKey, algorithm, jwks, load_public, thumbprint
from tests.unit.plugins.conftest import make, make_key


def encoded(number: int) -> str:
    """Return a coordinate as RFC 7518, section 6.2.1.2 wants it: always all 32 bytes."""
    return urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def key_with_a_short_coordinate() -> ec.EllipticCurvePublicKey:
    """Return the first key whose x begins with a zero byte."""
    private = 1
    while True:
        key = ec.derive_private_key(private, ec.SECP256R1()).public_key()
        if key.public_numbers().x >> 248 == 0:
            return key
        private += 1


@pytest.mark.parametrize(
    "key", [ec.derive_private_key(7, ec.SECP256R1()).public_key(), key_with_a_short_coordinate()]
)
def test_a_key_is_named_by_the_digest_of_its_canonical_form(key: ec.EllipticCurvePublicKey) -> None:
    x, y = encoded(key.public_numbers().x), encoded(key.public_numbers().y)
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    digest = hashlib.sha256(canonical.encode()).digest()
    assert urlsafe_b64decode(thumbprint(key) + "=") == digest


def test_the_set_has_every_key_and_nothing_private() -> None:
    keys = [ec.derive_private_key(number, ec.SECP256R1()).public_key() for number in (7, 8, 9)]
    published = jwks(keys)["keys"]
    assert [key["kid"] for key in published] == [thumbprint(key) for key in keys]
    for key in published:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg", "key_ops"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_a_signing_key_is_found_in_the_set_by_its_name() -> None:
    made = make_key()
    signing = SigningKey.load(made["privateKeyPemPkcs8"].encode())
    published = jwt.PyJWKSet.from_dict(jwks([load_public(made["publicKeyPem"].encode())]))
    text = jwt.encode({}, signing.key, "ES256")
    assert jwt.decode(text, published[signing.kid], algorithms=["ES256"]) == {}


def test_an_rsa_key_is_published_for_assertions_and_signs_no_data_token() -> None:
    key = make_key("RSA")
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.load(key["privateKeyPemPkcs8"].encode())
    assert algorithm(load_public(key["publicKeyPem"].encode())) == "RS256"


@pytest.mark.parametrize("given", [{"algorithm": "ED25519"}, {"algorithm": "RSA", "rsaBits": 1024}])
def test_keys_of_other_kinds_neither_sign_nor_are_published(given: dict[str, Any]) -> None:
    key = make("PrivateKey", **given)
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.load(key["privateKeyPemPkcs8"].encode())
    with pytest.raises(ValueError, match="P-256"):
        load_public(key["publicKeyPem"].encode())


def test_keys_on_other_curves_neither_sign_nor_are_published() -> None:
    key = make("PrivateKey", algorithm="ECDSA", ecdsaCurve="P384")
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.load(key["privateKeyPemPkcs8"].encode())
    with pytest.raises(ValueError, match="P-256"):
        load_public(key["publicKeyPem"].encode())


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(ValueError):
        load_public(make_key()["privateKeyPemPkcs8"].encode())


def test_a_public_key_is_read_as_the_engine_writes_it() -> None:
    made = make_key()
    key = load_public(made["publicKeyPem"].encode())
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert pem == made["publicKeyPem"]
