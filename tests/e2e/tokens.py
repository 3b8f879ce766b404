"""Data tokens, good and bad, signed with the facility's own key as its operator can take it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from services.credentials.keys import SigningKey
from tests.e2e.facility import STACK, pulumi

ISSUER = f"https://credentials.{STACK}.svc.cluster.local:8444"
CACHE = f"xcache.{STACK}.svc.cluster.local"
AUDIENCE = f"https://{CACHE}:1094"
ANYBODY = "https://wlcg.cern.ch/jwt/v1/any"


@cache
def facility_key() -> SigningKey:
    """Return the key that the facility signs data tokens with."""
    state = json.loads(pulumi("stack", "export", "--show-secrets").stdout)["deployment"]["resources"]
    resources = {resource["urn"].rpartition("::")[2]: resource for resource in state}
    secret = resources["credentials-keys"]["inputs"]["stringData"]
    data = json.loads(secret["plaintext"]) if "plaintext" in secret else secret
    value = data["signing.key"]
    return SigningKey.load((json.loads(value["plaintext"]) if isinstance(value, dict) else value).encode())


@cache
def strange_key() -> SigningKey:
    """Return a key of nobody's."""
    key = ec.generate_private_key(ec.SECP256R1())
    return SigningKey.load(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def claims(**changed: Any) -> dict[str, Any]:
    """Return what a good token says, with some of it changed; none leaves a claim out."""
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
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(signer: SigningKey | None = None, kid: str | None = None, **changed: Any) -> str:
    """Return a signed token; the facility's key signs unless another is given."""
    key = signer or facility_key()
    return jwt.encode(claims(**changed), key.key, "ES256", headers={"kid": kid or key.kid})


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _forged(algorithm: str, sign: Callable[[bytes], bytes]) -> str:
    # By hand, for a library refuses to.
    header = {"alg": algorithm, "typ": "JWT", "kid": facility_key().kid}
    text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims()))
    return f"{text}.{_base64(sign(text.encode()))}"


def unsigned() -> str:
    """Return a token that says of itself that it needs no signature."""
    return _forged("none", lambda _: b"")


def signed_with_the_public_key() -> str:
    """Return a token whose signature is a MAC by what everybody knows."""
    public = facility_key().key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _forged("HS256", lambda text: hmac.new(public, text, hashlib.sha256).digest())


def ago(seconds: int) -> int:
    """Return a time in the past; less than nothing is in the future."""
    return int(time.time()) - seconds


@dataclass(frozen=True)
class Refused:
    """A token that is not good, and why, as the reader sees it."""

    name: str
    make: Callable[[], str]
    reason: str
    """A pattern."""


LOGIN = "Authentication with ztn failed: "
"""What a reader sees of a refused login with XRD_LOGLEVEL=Error, as sessions have it."""
ACCESS = "permission denied"

REFUSED = (
    Refused("expired", lambda: token(iat=ago(4000), nbf=ago(4000), exp=ago(400)), LOGIN + "token expired"),
    # The library's own words for it.
    Refused("not yet valid", lambda: token(nbf=ago(-600), exp=ago(-1200)), LOGIN + "token expired"),
    Refused("without end", lambda: token(exp=None), LOGIN + ".*'exp' claim is mandatory"),
    Refused("for nobody", lambda: token(aud=None), LOGIN + ".*'aud' claim required"),
    Refused("for another cache", lambda: token(aud="https://xcache.example.org:1094"), ACCESS),
    Refused("for another path", lambda: token(scope="storage.read:/eos/opendata/users"), ACCESS),
    Refused("for part of a name", lambda: token(scope="storage.read:/eos/opendata/coff"), ACCESS),
    Refused("for writing only", lambda: token(scope="storage.create:/ storage.modify:/"), ACCESS),
    Refused(
        "of an unknown issuer",
        lambda: token(iss="https://iam.example.org"),
        LOGIN + ".*not in list of allowed",
    ),
    Refused("by an unknown key", lambda: token(strange_key()), LOGIN + "Key ID is not published"),
    Refused("by a false key", lambda: token(strange_key(), facility_key().kid), LOGIN + "invalid signature"),
    Refused("without signature", unsigned, LOGIN + "wrong algorithm"),
    Refused("HS256 with the public key", signed_with_the_public_key, LOGIN + "wrong algorithm"),
    Refused("no token at all", lambda: "garbage", LOGIN + "invalid token supplied"),
)
