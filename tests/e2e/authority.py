"""A CA of somebody else's, with RSA keys, for grid logins take no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=1)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A CA that lives for a day."""

    def __init__(self, name: str) -> None:
        self._key, self._name = _key(), _name(name)
        names = [x509.SubjectAlternativeName([x509.DNSName("authority.example.org")])]
        self._certificate = self._signed(self._name, self._key.public_key(), names, signs=True)

    @property
    def pem(self) -> str:
        """The CA's certificate, PEM."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def leaf(self, common_name: str, *dns: str) -> tuple[str, str]:
        """Return a certificate and its key, PEM."""
        key = _key()
        names = [x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])] if dns else []
        certificate = self._signed(_name(common_name), key.public_key(), names, signs=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return certificate.public_bytes(Encoding.PEM).decode(), private.decode()

    def _signed(
        self,
        subject: x509.Name,
        key: rsa.RSAPublicKey,
        names: list[x509.SubjectAlternativeName],
        *,
        signs: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + LIFE)
            .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
            .add_extension(_usage(signs=signs), critical=True)
        )
        for extension in names:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())
