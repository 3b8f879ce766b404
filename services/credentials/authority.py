"""Certificates for users: each a new key pair, signed with the facility's CA.

They pass strict verifiers, as the facility's own do (components/ca.py tells which).
Whoever they are for, their organisation is USERS, which none of the facility's own
programs has: no user's certificate is ever taken for the hub's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.credentials.person import Person

USERS = "Coffea-casa users"
"""Organisation of every certificate made here."""
_COMMON_NAME_BYTES = 64
"""RFC 5280, appendix A.1, ub-common-name: characters, which are at most as many as UTF-8's bytes."""
_SKEW = timedelta(seconds=60)
"""How far the clocks of two nodes may be apart."""


@dataclass(frozen=True)
class Pair:
    """A private key (PKCS #8) and its certificate, one after the other: one file for whoever needs both."""

    pem: str
    serial: str
    """Of the certificate, hexadecimal."""
    expires: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Authority:
    """The facility's CA."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> Authority:
        """Read both from PEM. Raises ValueError for what cannot be read and for a key of another CA."""
        ca = x509.load_pem_x509_certificate(certificate)
        private = load_pem_private_key(key, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("the CA's key is not of an elliptic curve")
        if private.public_key() != ca.public_key():
            raise ValueError("the CA's key is not that of its certificate")
        return cls(ca, private)

    @property
    def pem(self) -> str:
        """The CA's certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()


def host_pair(authority: Authority, person: Person, domains: Sequence[str], lifetime: int, now: int) -> Pair:
    """Return what a session's own servers show and its clients log in with; times in seconds.

    It is for localhost and for SLUG in each of ``domains``.
    """
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ip_address("127.0.0.1")),
        x509.IPAddress(ip_address("::1")),
        *(x509.DNSName(f"{person.slug}.{domain}") for domain in domains),
    ]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _signed(authority, person.slug, names, uses, lifetime, now)


def user_pair(authority: Authority, person: Person, issuer: str, lifetime: int, now: int) -> Pair:
    """Return what shows who a user is: their name, and an address at ``issuer`` with their label.

    A name too long for a certificate gives way to the label. Times in seconds.
    """
    fits = len(person.user.encode()) <= _COMMON_NAME_BYTES
    names = [x509.UniformResourceIdentifier(f"{issuer}/users/{person.slug}")]
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return _signed(authority, person.user if fits else person.slug, names, uses, lifetime, now)


def _signed(
    authority: Authority,
    common_name: str,
    names: Sequence[x509.GeneralName],
    uses: Sequence[x509.ObjectIdentifier],
    lifetime: int,
    now: int,
) -> Pair:
    key, ca = ec.generate_private_key(ec.SECP256R1()), authority.certificate
    start = datetime.fromtimestamp(now, UTC)
    # A certificate that outlives its CA is good for nothing, and a surprise.
    end = min(start + timedelta(seconds=lifetime), ca.not_valid_after_utc)
    if end <= start:
        raise ValueError("the facility's CA has expired")
    public, ca_public = key.public_key(), authority.key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, USERS),
                    x509.NameAttribute(NameOID.COMMON_NAME, common_name),
                ]
            )
        )
        .issuer_name(ca.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _SKEW)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_DIGITAL_SIGNATURE, critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_identifier(ca, ca_public), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(
        pem=(private + certificate.public_bytes(Encoding.PEM)).decode(),
        serial=f"{certificate.serial_number:x}",
        expires=int(end.timestamp()),
    )


_DIGITAL_SIGNATURE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _identifier(ca: x509.Certificate, key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """Return what leads to the CA: the identifier that it gives itself, whoever computed that and how."""
    try:
        own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
