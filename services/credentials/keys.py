"""Keys of data tokens, and how verifiers get them (RFC 7517, JWK Set)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"
"""ECDSA on P-256 (RFC 7518, section 3.4), which the WLCG profile recommends and XRootD reads."""


@dataclass(frozen=True)
class SigningKey:
    """The private key that signs, and its name in the JWK set."""

    kid: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def load(cls, pem: bytes) -> SigningKey:
        """Read a key from PEM. Raises ValueError for anything but a private key on P-256."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the signing key is not a private key on P-256")
        return cls(thumbprint(key.public_key()), key)


def load_public(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Read a public key from PEM. Raises ValueError for anything but one on P-256."""
    key = load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a published key is not a public key on P-256")
    return key


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key's name: SHA-256 of its canonical JWK, base64url (RFC 7638, section 3)."""
    members = _jwk(key)
    required = {name: members[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def jwks(keys: Sequence[ec.EllipticCurvePublicKey]) -> dict[str, Any]:
    """Return the JWK set of public keys."""
    return {
        "keys": [
            {**_jwk(key), "kid": thumbprint(key), "use": "sig", "alg": ALGORITHM, "key_ops": ["verify"]}
            for key in keys
        ]
    }


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key, as_dict=True)
