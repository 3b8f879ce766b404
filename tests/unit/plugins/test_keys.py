"""Key pairs of the tls stand-in."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from local.plugins.resource import CheckError
from tests.unit.plugins.conftest import make


@pytest.mark.parametrize(
    ("inputs", "label"),
    [
        ({"algorithm": "RSA"}, "RSA PRIVATE KEY"),
        ({"algorithm": "RSA", "rsaBits": 3072}, "RSA PRIVATE KEY"),
        ({"algorithm": "ECDSA"}, "EC PRIVATE KEY"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "EC PRIVATE KEY"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P384"}, "EC PRIVATE KEY"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P521"}, "EC PRIVATE KEY"),
        ({"algorithm": "ED25519"}, "PRIVATE KEY"),
    ],
)
def test_all_forms_of_a_key_are_of_the_same_key(inputs: dict[str, object], label: str) -> None:
    made = make("PrivateKey", **inputs)
    assert made["privateKeyPem"].startswith(f"-----BEGIN {label}-----\n")
    assert made["privateKeyPemPkcs8"].startswith("-----BEGIN PRIVATE KEY-----\n")
    public = serialization.load_pem_public_key(made["publicKeyPem"].encode())
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        private = serialization.load_pem_private_key(made[name].encode(), password=None)
        assert private.public_key() == public
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert made["id"] == hashlib.sha1(der).hexdigest()


def test_the_size_and_the_curve_are_those_asked_for() -> None:
    for inputs, size in (
        ({"algorithm": "RSA"}, 2048),
        ({"algorithm": "RSA", "rsaBits": 3072}, 3072),
        ({"algorithm": "ECDSA"}, 224),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P521"}, 521),
    ):
        public = serialization.load_pem_public_key(make("PrivateKey", **inputs)["publicKeyPem"].encode())
        assert getattr(public, "key_size") == size  # noqa: B009


@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "ED25519"])
def test_the_openssh_forms_are_of_the_same_key(algorithm: str) -> None:
    made = make("PrivateKey", algorithm=algorithm, ecdsaCurve="P256")
    public = serialization.load_ssh_public_key(made["publicKeyOpenssh"].encode())
    private = serialization.load_ssh_private_key(made["privateKeyOpenssh"].encode(), password=None)
    assert private.public_key() == public == serialization.load_pem_public_key(made["publicKeyPem"].encode())
    md5 = serialization.ssh_key_fingerprint(public, hashes.MD5()).hex(":")
    assert made["publicKeyFingerprintMd5"] == md5
    assert made["publicKeyFingerprintSha256"].startswith("SHA256:")
    assert len(made["publicKeyFingerprintSha256"]) == len("SHA256:") + 43


def test_openssh_knows_no_p224() -> None:
    made = make("PrivateKey", algorithm="ECDSA")
    assert [made[name] for name in made if "Openssh" in name or "Fingerprint" in name] == [""] * 4


def test_no_two_keys_are_the_same() -> None:
    assert make("PrivateKey", algorithm="ED25519")["id"] != make("PrivateKey", algorithm="ED25519")["id"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "algorithm: is required"),
        ({"algorithm": "DSA"}, "algorithm: must be one of RSA, ECDSA, ED25519, got 'DSA'"),
        ({"algorithm": "ECDSA", "ecdsaCurve": "P-256"}, "ecdsaCurve: must be one of P224,"),
        ({"algorithm": "RSA", "rsaBits": 12}, "rsaBits: "),
        ({"algorithm": "RSA", "rsaBits": "2048"}, "rsaBits: must be of type int, got '2048'"),
        (
            {"algorithm": "RSA", "bits": 2048},
            "bits: is no input; the inputs are algorithm, ecdsaCurve",
        ),
    ],
)
def test_bad_inputs_are_refused(inputs: dict[str, object], message: str) -> None:
    with pytest.raises(CheckError, match=message):
        make("PrivateKey", **inputs)
