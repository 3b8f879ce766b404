"""Certificate requests and certificates.

They carry what Go's crypto/x509 writes, which is what the official provider uses:
critical key usage and basic constraints, the subject key identifier where asked
for and for every CA, the authority's wherever it has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from local.plugins.keys import PrivateKey, algorithm, check_private_key, private_key, signature_hash
from local.plugins.resource import CheckError, Properties

T = TypeVar("T")

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
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}
SUBJECT = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "streetAddresses": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
"""In the order in which Go writes them."""


def check_request(known: Properties) -> None:
    """Refuse keys, subjects and names that are none."""
    check_private_key(known, "privateKeyPem")
    _subject(known)
    _alternative_names(known)


def check_self_signed(known: Properties) -> None:
    """Refuse what neither a request nor a certificate may have."""
    check_request(known)
    _check_certificate(known)


def check_locally_signed(known: Properties) -> None:
    """Refuse what no certificate may have."""
    check_private_key(known, "caPrivateKeyPem")
    _check_certificate(known)


def create_request(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate request; the id is its SHA-1, as the official provider's."""
    key = private_key(inputs, "privateKeyPem")
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(inputs))
    names = _alternative_names(inputs)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key, signature_hash(key))
    identifier = hashlib.sha1(request.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()
    pem = request.public_bytes(Encoding.PEM).decode()
    return identifier, {**inputs, "certRequestPem": pem, "keyAlgorithm": algorithm(key)}


def create_self_signed(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate signed by its own key; the id is the serial number."""
    key, name = private_key(inputs, "privateKeyPem"), _subject(inputs)
    builder = _builder(inputs, name).issuer_name(name).public_key(key.public_key())
    builder = _named(builder, _alternative_names(inputs), name)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    has_own = inputs["setSubjectKeyId"] or inputs["isCaCertificate"]
    if has_own:
        builder = builder.add_extension(own, critical=False)
    if inputs["setAuthorityKeyId"]:
        if not has_own:
            raise CheckError("setAuthorityKeyId", "needs setSubjectKeyId: the one repeats the other")
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        builder = builder.add_extension(identifier, critical=False)
    return _signed(builder, key, {**inputs, "keyAlgorithm": algorithm(key)})


def create_locally_signed(inputs: Properties) -> tuple[str, Properties]:
    """Make a certificate for a request, signed by a CA's key; the id is the serial number."""
    key = private_key(inputs, "caPrivateKeyPem")
    ca = _load(inputs, "caCertPem", x509.load_pem_x509_certificate)
    request = _load(inputs, "certRequestPem", x509.load_pem_x509_csr)
    if ca.public_key() != key.public_key():
        raise CheckError("caPrivateKeyPem", "is not the key of caCertPem")
    builder = _builder(inputs, request.subject).issuer_name(ca.subject).public_key(request.public_key())
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            builder = _named(builder, list(extension.value), request.subject)
    if inputs["setSubjectKeyId"] or inputs["isCaCertificate"]:
        identifier = x509.SubjectKeyIdentifier.from_public_key(request.public_key())
        builder = builder.add_extension(identifier, critical=False)
    authority = _key_identifier(ca)
    # Go takes a certificate whose issuer has its own name for self-signed.
    if authority and ca.subject != request.subject:
        linked = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority)
        builder = builder.add_extension(linked, critical=False)
    return _signed(builder, key, {**inputs, "caKeyAlgorithm": algorithm(key)})


def ready_for_renewal(outputs: Properties) -> bool:
    """Return whether a certificate is within its last ``earlyRenewalHours``."""
    end = datetime.fromisoformat(outputs["validityEndTime"])
    return datetime.now(UTC) >= end - timedelta(hours=outputs["earlyRenewalHours"])


def _check_certificate(known: Properties) -> None:
    uses = {**KEY_USES, **EXTENDED_USES}
    for use in known.get("allowedUses", ()):
        if use not in uses:
            raise CheckError("allowedUses", f"{use!r} is none of {', '.join(sorted(uses))}")
    for name, least in (("validityPeriodHours", 0), ("earlyRenewalHours", 0), ("maxPathLength", -1)):
        if known.get(name, 0) < least:
            raise CheckError(name, f"must be at least {least}, got {known[name]}")


def _subject(inputs: Properties) -> x509.Name:
    given: dict[str, str | list[str]] = inputs.get("subject") or {}
    for name in sorted(given.keys() - SUBJECT.keys()):
        raise CheckError(f"subject.{name}", f"is none of {', '.join(SUBJECT)}")
    attributes: list[x509.NameAttribute[str]] = []
    for name, oid in SUBJECT.items():
        value = given.get(name) or []
        texts = [value] if isinstance(value, str) else value
        try:
            attributes += [x509.NameAttribute(oid, text) for text in texts]
        except ValueError as error:
            raise CheckError(f"subject.{name}", str(error)) from error
    return x509.Name(attributes)


def _alternative_names(inputs: Properties) -> list[x509.GeneralName]:
    kinds: dict[str, Callable[[str], x509.GeneralName]] = {
        "dnsNames": x509.DNSName,
        "ipAddresses": lambda address: x509.IPAddress(ip_address(address)),
        "uris": x509.UniformResourceIdentifier,
    }
    names: list[x509.GeneralName] = []
    for field, kind in kinds.items():
        try:
            names += [kind(text) for text in inputs.get(field) or ()]
        except ValueError as error:
            raise CheckError(field, str(error)) from error
    return names


def _load(inputs: Properties, name: str, loader: Callable[[bytes], T]) -> T:
    try:
        return loader(inputs[name].encode())
    except ValueError as error:
        raise CheckError(name, "cannot be read as PEM of its kind") from error


def _key_identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return None


def _builder(inputs: Properties, subject: x509.Name) -> x509.CertificateBuilder:
    is_ca, uses = inputs["isCaCertificate"], inputs["allowedUses"]
    if is_ca and not subject.rdns:
        raise CheckError("subject", "a CA must have one (RFC 5280, section 4.1.2.6)")
    # OpenSSL checks by time(2), up to a tick behind: a certificate used at once would not be valid yet.
    start = (datetime.now(UTC) - timedelta(milliseconds=20)).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(hours=inputs["validityPeriodHours"]))
        .subject_name(subject)
    )
    usage = {field: use in uses for use, field in KEY_USES.items()}
    if any(usage.values()):
        try:
            builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
        except ValueError as error:
            raise CheckError("allowedUses", str(error)) from error
    extended = [EXTENDED_USES[use] for use in uses if use in EXTENDED_USES]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    length = inputs.get("maxPathLength", -1)
    path_length = length if is_ca and length >= 0 else None
    return builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)


def _named(
    builder: x509.CertificateBuilder, names: list[x509.GeneralName], subject: x509.Name
) -> x509.CertificateBuilder:
    if not names:
        return builder
    # Where nothing else names the subject nobody may overlook these names (RFC 5280, section 4.2.1.6).
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=not subject.rdns)


def _signed(builder: x509.CertificateBuilder, key: PrivateKey, outputs: Properties) -> tuple[str, Properties]:
    certificate = builder.sign(key, signature_hash(key))
    outputs |= {
        "certPem": certificate.public_bytes(Encoding.PEM).decode(),
        "validityStartTime": certificate.not_valid_before_utc.isoformat(),
        "validityEndTime": certificate.not_valid_after_utc.isoformat(),
    }
    return str(certificate.serial_number), {**outputs, "readyForRenewal": ready_for_renewal(outputs)}
