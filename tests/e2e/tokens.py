"""Data tokens as nobody should have them: signed with the facility's own key, or not quite."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.credentials.keys import SigningKey
from tests.e2e.facility import STACK, objects

ISSUER = f"https://credentials.{STACK}.svc.cluster.local:8444"
AUDIENCE = f"https://xcache.{STACK}.svc.cluster.local:1094"


def facility_key() -> SigningKey:
    """Return the key that signs, as only an operator can have it."""
    (keys,) = [secret for secret in objects("secrets") if secret["metadata"]["name"] == "credentials-keys"]
    return SigningKey.load(base64.b64decode(keys["data"]["signing.key"]))


def claims(**changed: Any) -> dict[str, Any]:
    """Return what a good token says, but for what is changed; what is None is left out."""
    now = int(time.time())
    good = {
        "wlcg.ver": "1.0",
        "iss": ISSUER,
        "sub": "physicist@example.org",
        "aud": AUDIENCE,
        "scope": "storage.read:/",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": str(uuid.uuid4()),
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def signed(key: SigningKey, **changed: Any) -> str:
    """Return a token signed with a key of the facility."""
    return jwt.encode(claims(**changed), key.key, "ES256", headers={"kid": key.kid, "typ": "JWT"})


def with_unknown_key(key: SigningKey) -> str:
    """Return a token of somebody else's key under the facility's name and key number."""
    other = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims(), other, "ES256", headers={"kid": key.kid})


def with_unknown_number() -> str:
    """Return a token of somebody else's key under a number that nobody publishes."""
    other = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims(), other, "ES256", headers={"kid": "nobody"})


def unsigned(key: SigningKey) -> str:
    """Return a token that says it needs no signature (RFC 7519, section 6)."""
    return _assembled({"alg": "none", "kid": key.kid}) + "."


def with_public_key_as_password(key: SigningKey) -> str:
    """Return a token whose signature is made with what everybody knows (RFC 8725, section 2.1)."""
    content = _assembled({"alg": "HS256", "kid": key.kid})
    public = key.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{content}.{_text(hmac.new(public, content.encode(), hashlib.sha256).digest())}"


def _assembled(header: dict[str, str]) -> str:
    # By hand, for libraries refuse to make such tokens.
    return f"{_text(json.dumps(header).encode())}.{_text(json.dumps(claims()).encode())}"


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
