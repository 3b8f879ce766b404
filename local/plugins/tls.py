"""The types of the `tls` provider (terraform-provider-tls 4.x): keys, requests, certificates.

Certificates carry what Go's crypto/x509 writes, which is what the official
provider uses: critical key usage and basic constraints, the subject key
identifier when asked for, and the authority's whenever it has one.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.plugins.resource import CheckError, Properties, Resource

CURVES = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
KEY_USES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
EXTENDED_USES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
SUBJECT = {
    "commonName": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "country": NameOID.COUNTRY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "postalCode": NameOID.POSTAL_CODE,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


def check_key(inputs: Properties) -> None:
    """Refuse unknown algorithms and curves."""
    if inputs["algorithm"] not in ("RSA", "ECDSA", "ED25519"):
        raise CheckError("algorithm", f"must be RSA, ECDSA or ED25519, got {inputs['algorithm']!r}")
    if inputs["ecdsaCurve"] not in CURVES:
        raise CheckError("ecdsaCurve", f"must be one of {', '.join(CURVES)}, got {inputs['ecdsaCurve']!r}")


def create_key(inputs: Properties) -> tuple[str, Properties]:
    """Make a key pair; the id is SHA-1 of the public key, as the official provider's."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    traditional = PrivateFormat.TraditionalOpenSSL
    if inputs["algorithm"] == "RSA":
        key = rsa.generate_private_key(public_exponent=65537, key_size=int(inputs["rsaBits"]))
    elif inputs["algorithm"] == "ECDSA":
        key = ec.generate_private_key(CURVES[inputs["ecdsaCurve"]]())
    else:
        key, traditional = ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    has_openssh = inputs["algorithm"] != "ECDSA" or inputs["ecdsaCurve"] != "P224"
    openssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) if has_openssh else b""
    blob = serialization.ssh_key_fingerprint if has_openssh else None
    pem = Encoding.PEM
    outputs = {
        **inputs,
        "privateKeyPem": key.private_bytes(pem, traditional, NoEncryption()).decode(),
        "privateKeyPemPkcs8": key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "privateKeyOpenssh": key.private_bytes(pem, PrivateFormat.OpenSSH, NoEncryption()).decode()
        if has_openssh
        else "",
        "publicKeyPem": public.public_bytes(pem, PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": openssh.decode() + "\n" if openssh else "",
        "publicKeyFingerprintMd5": blob(public, hashes.MD5()).hex(":") if blob else "",
        "publicKeyFingerprintSha256": "SHA256:" + _base64(blob(public, hashes.SHA256())) if blob else "",
    }
    return hashlib.sha1(der, usedforsecurity=False).hexdigest(), outputs


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def check_request(inputs: Properties) -> None:
    """Refuse keys that are none and addresses that are none."""
    _key(inputs, "privateKeyPem")
    _alternative_names(inputs)


def create_request(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate request."""
    key = _key(inputs, "privateKeyPem")
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(inputs.get("subject")))
    names = _alternative_names(inputs)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key, _hash(key))
    pem = request.public_bytes(Encoding.PEM).decode()
    identifier = hashlib.sha1(pem.encode(), usedforsecurity=False).hexdigest()
    return identifier, {**inputs, "certRequestPem": pem, "keyAlgorithm": _algorithm(key)}


def check_certificate(inputs: Properties) -> None:
    """Refuse unknown uses and lifetimes of no length."""
    known = {**KEY_USES, **EXTENDED_USES}
    for use in inputs["allowedUses"]:
        if use not in known:
            raise CheckError("allowedUses", f"{use!r} is none of {', '.join(known)}")
    if inputs["validityPeriodHours"] < 0:
        raise CheckError("validityPeriodHours", "must not be negative")
    if inputs["earlyRenewalHours"] < 0:
        raise CheckError("earlyRenewalHours", "must not be negative")
    if not inputs["isCaCertificate"] and inputs.get("maxPathLength", -1) >= 0:
        raise CheckError("maxPathLength", "is for CA certificates only")


def create_self_signed(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate signed by its own key."""
    key = _key(inputs, "privateKeyPem")
    name = _subject(inputs.get("subject"))
    builder = _certificate(inputs).subject_name(name).issuer_name(name).public_key(key.public_key())
    names = _alternative_names(inputs)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Go gives every CA a subject key identifier, asked for or not.
    if inputs["setSubjectKeyId"] or inputs["isCaCertificate"]:
        builder = builder.add_extension(own, critical=False)
    if inputs["setAuthorityKeyId"]:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        builder = builder.add_extension(identifier, critical=False)
    return _signed(builder, key, inputs, {"keyAlgorithm": _algorithm(key)})


def create_locally_signed(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate for a request, signed by a CA's key."""
    ca_key = _key(inputs, "caPrivateKeyPem")
    ca = x509.load_pem_x509_certificate(inputs["caCertPem"].encode())
    request = x509.load_pem_x509_csr(inputs["certRequestPem"].encode())
    builder = _certificate(inputs).subject_name(request.subject).issuer_name(ca.subject)
    builder = builder.public_key(request.public_key())
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=False)
    if inputs["setSubjectKeyId"]:
        identifier = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
        builder = builder.add_extension(identifier, critical=False)
    try:
        authority = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        pass
    else:
        linked = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority)
        builder = builder.add_extension(linked, critical=False)
    return _signed(builder, ca_key, inputs, {"caKeyAlgorithm": _algorithm(ca_key)})


def ready_for_renewal(outputs: Properties, now: datetime | None = None) -> bool:
    """Return whether a certificate is within its last ``earlyRenewalHours``."""
    end = datetime.fromisoformat(outputs["validityEndTime"])
    early = timedelta(hours=outputs["earlyRenewalHours"])
    return (now or datetime.now(UTC)) >= end - early


def _key(inputs: Properties, name: str) -> CertificateIssuerPrivateKeyTypes:
    try:
        key = serialization.load_pem_private_key(inputs[name].encode(), password=None)
    except ValueError as error:
        raise CheckError(name, "is no private key in PEM form") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise CheckError(name, "is a key of an algorithm other than RSA, ECDSA and ED25519")
    return key


def _algorithm(key: CertificateIssuerPrivateKeyTypes) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def _hash(key: CertificateIssuerPrivateKeyTypes) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _subject(subject: Properties | None) -> x509.Name:
    given = subject or {}
    return x509.Name([x509.NameAttribute(oid, given[name]) for name, oid in SUBJECT.items() if given.get(name)])


def _alternative_names(inputs: Properties) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in inputs.get("dnsNames") or ()]
    for address in inputs.get("ipAddresses") or ():
        try:
            names.append(x509.IPAddress(ip_address(address)))
        except ValueError as error:
            raise CheckError("ipAddresses", f"{address!r} is no IP address") from error
    names += [x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris") or ()]
    return names


def _certificate(inputs: Properties) -> x509.CertificateBuilder:
    start = datetime.now(UTC).replace(microsecond=0)
    uses = inputs["allowedUses"]
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(hours=inputs["validityPeriodHours"]))
    )
    usage = {field: use in uses for use, field in KEY_USES.items()}
    if any(usage.values()):
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    extended = [EXTENDED_USES[use] for use in uses if use in EXTENDED_USES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    length = int(inputs.get("maxPathLength", -1))
    constraints = x509.BasicConstraints(
        ca=inputs["isCaCertificate"], path_length=length if length >= 0 else None
    )
    return builder.add_extension(constraints, critical=True)


def _signed(
    builder: x509.CertificateBuilder,
    key: CertificateIssuerPrivateKeyTypes,
    inputs: Properties,
    more: Properties,
) -> tuple[str, Properties]:
    certificate = builder.sign(key, _hash(key))
    outputs = {
        **inputs,
        **more,
        "certPem": certificate.public_bytes(Encoding.PEM).decode(),
        "validityStartTime": certificate.not_valid_before_utc.isoformat(),
        "validityEndTime": certificate.not_valid_after_utc.isoformat(),
    }
    outputs["readyForRenewal"] = ready_for_renewal(outputs)
    return str(certificate.serial_number), outputs


_NAMES = frozenset({"dnsNames", "ipAddresses", "uris", "subject"})
_CERTIFICATE = frozenset(
    {"allowedUses", "earlyRenewalHours", "isCaCertificate", "maxPathLength", "setSubjectKeyId", "validityPeriodHours"}
)
_CERTIFICATE_DEFAULTS = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}

RESOURCES = {
    "tls:index/privateKey:PrivateKey": Resource(
        inputs=frozenset({"algorithm", "ecdsaCurve", "rsaBits"}),
        required=frozenset({"algorithm"}),
        defaults={"ecdsaCurve": "P224", "rsaBits": 2048},
        secrets=frozenset({"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}),
        check=check_key,
        create=create_key,
    ),
    "tls:index/certRequest:CertRequest": Resource(
        inputs=_NAMES | {"privateKeyPem"},
        required=frozenset({"privateKeyPem"}),
        secrets=frozenset({"privateKeyPem"}),
        check=check_request,
        create=create_request,
    ),
    "tls:index/selfSignedCert:SelfSignedCert": Resource(
        inputs=_NAMES | _CERTIFICATE | {"privateKeyPem", "setAuthorityKeyId"},
        required=frozenset({"allowedUses", "privateKeyPem", "validityPeriodHours"}),
        defaults={**_CERTIFICATE_DEFAULTS, "setAuthorityKeyId": False},
        secrets=frozenset({"privateKeyPem"}),
        in_place=frozenset({"earlyRenewalHours"}),
        check=check_certificate,
        create=create_self_signed,
        expired=ready_for_renewal,
    ),
    "tls:index/locallySignedCert:LocallySignedCert": Resource(
        inputs=_CERTIFICATE | {"caCertPem", "caPrivateKeyPem", "certRequestPem"},
        required=frozenset({"allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours"}),
        defaults=_CERTIFICATE_DEFAULTS,
        secrets=frozenset({"caPrivateKeyPem"}),
        in_place=frozenset({"earlyRenewalHours"}),
        check=check_certificate,
        create=create_locally_signed,
        expired=ready_for_renewal,
    ),
}
