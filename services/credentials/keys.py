"""Keys of data tokens, and how verifiers get them (RFC 7517, JWK Set)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ALGORITHM = "ES256"
"""ECDSA on P-256 (RFC 7518, section 3.4), which the WLCG profile recommends and XRootD reads."""
RSA_ALGORITHM = "RS256"
"""RSASSA-PKCS1-v1_5 (RFC 7518, section 3.3), the only one that condor-token-service takes."""
RSA_BITS = 2048
"""At least (RFC 7518, section 3.3)."""
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


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


@dataclass(frozen=True)
class AssertionKey:
    """The private key that signs statements for a site's token service, and its name in the JWK set."""

    kid: str
    key: rsa.RSAPrivateKey

    @classmethod
    def load(cls, pem: bytes) -> AssertionKey:
        """Read a key from PEM. Raises ValueError for anything but a private RSA key that is long enough."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < RSA_BITS:
            raise ValueError(f"the assertion key is not a private RSA key of {RSA_BITS} bits")
        return cls(thumbprint(key.public_key()), key)


def load_public(pem: bytes) -> PublicKey:
    """Read a public key from PEM. Raises ValueError for anything but one on P-256, or a long RSA key."""
    key = load_pem_public_key(pem)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS:
        return key
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a published key is not a public key on P-256")
    return key


def algorithm(key: PublicKey) -> str:
    """Return the algorithm of a key's signatures."""
    return RSA_ALGORITHM if isinstance(key, rsa.RSAPublicKey) else ALGORITHM


def thumbprint(key: PublicKey) -> str:
    """Return a public key's name: SHA-256 of its canonical JWK, base64url (RFC 7638, section 3)."""
    members = _jwk(key)
    names = ("e", "kty", "n") if isinstance(key, rsa.RSAPublicKey) else ("crv", "kty", "x", "y")
    required = {name: members[name] for name in names}
    canonical = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def jwks(keys: Sequence[PublicKey]) -> dict[str, Any]:
    """Return the JWK set of public keys."""
    return {
        "keys": [
            {**_jwk(key), "kid": thumbprint(key), "use": "sig", "alg": algorithm(key), "key_ops": ["verify"]}
            for key in keys
        ]
    }


def _jwk(key: PublicKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPublicKey):
        return RSAAlgorithm.to_jwk(key, as_dict=True)
    return ECAlgorithm.to_jwk(key, as_dict=True)
