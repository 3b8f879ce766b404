"""Key pairs, and how PEM texts are read."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.plugins.resource import CheckError, Properties

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS = ("RSA", "ECDSA", "ED25519")
CURVES = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}


def check_key(known: Properties) -> None:
    """Refuse unknown algorithms and curves."""
    if known.get("algorithm", "RSA") not in ALGORITHMS:
        raise CheckError("algorithm", f"must be one of {', '.join(ALGORITHMS)}, got {known['algorithm']!r}")
    if known.get("ecdsaCurve", "P224") not in CURVES:
        raise CheckError("ecdsaCurve", f"must be one of {', '.join(CURVES)}, got {known['ecdsaCurve']!r}")


def create_key(inputs: Properties) -> tuple[str, Properties]:
    """Make a key pair; the id is SHA-1 of the public key, as the official provider's."""
    key = _generate(inputs)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    identifier = hashlib.sha1(public, usedforsecurity=False).hexdigest()
    return identifier, {**inputs, **_pem(key), **_openssh(key)}


def private_key(inputs: Properties, name: str) -> PrivateKey:
    """Return the private key of the input ``name``, or of its write-only form; raises CheckError."""
    text = inputs.get(name) or inputs.get(f"{name}Wo")
    if not text:
        raise CheckError(name, f"exactly one of {name} and {name}Wo must be set")
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except ValueError as error:
        raise CheckError(name, "is no private key in PEM form") from error
    if not isinstance(key, PrivateKey):
        raise CheckError(name, f"is a key of an algorithm other than {', '.join(ALGORITHMS)}")
    return key


def check_private_key(known: Properties, name: str) -> None:
    """Refuse an input together with its write-only form, and that form without its version."""
    if known.get(name) and known.get(f"{name}Wo"):
        raise CheckError(name, f"exactly one of {name} and {name}Wo must be set")
    if known.get(f"{name}Wo") and f"{name}WoVersion" not in known:
        raise CheckError(f"{name}WoVersion", f"is required with {name}Wo")


def algorithm(key: PrivateKey) -> str:
    """Return the official name of a key's algorithm."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def signature_hash(key: PrivateKey) -> hashes.SHA256 | None:
    """Return the hash to sign with; Ed25519 has its own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _generate(inputs: Properties) -> PrivateKey:
    if inputs["algorithm"] == "RSA":
        try:
            return rsa.generate_private_key(public_exponent=65537, key_size=inputs["rsaBits"])
        except ValueError as error:
            raise CheckError("rsaBits", str(error)) from error
    if inputs["algorithm"] == "ECDSA":
        return ec.generate_private_key(CURVES[inputs["ecdsaCurve"]]())
    return ed25519.Ed25519PrivateKey.generate()


def _pem(key: PrivateKey) -> Properties:
    def private(form: PrivateFormat) -> str:
        return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    # Ed25519 came after the algorithms' own forms.
    own = (
        PrivateFormat.PKCS8
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else PrivateFormat.TraditionalOpenSSL
    )
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "privateKeyPem": private(own),
        "privateKeyPemPkcs8": private(PrivateFormat.PKCS8),
        "publicKeyPem": public.decode(),
    }


def _openssh(key: PrivateKey) -> Properties:
    """Return the forms of OpenSSH, which knows no P224: those are empty, as the official provider's."""
    names = ("privateKeyOpenssh", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256")
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1):
        return dict.fromkeys(names, "")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    blob = base64.b64decode(public.split()[1])
    md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    colons = ":".join(md5[at : at + 2] for at in range(0, len(md5), 2))
    return dict(zip(names, (private, public.decode() + "\n", colons, f"SHA256:{sha256}"), strict=True))
