"""The types of the `tls` provider (terraform-provider-tls 4): keys, requests, certificates."""

from __future__ import annotations

from local.plugins import certificates, keys
from local.plugins.resource import Resource


def _key_inputs(name: str) -> dict[str, type]:
    """Return the input of a private key and its write-only form."""
    return {name: str, f"{name}Wo": str, f"{name}WoVersion": int}


_SUBJECT = {"subject": dict, "dnsNames": list, "ipAddresses": list, "uris": list}
_CERTIFICATE = {
    "allowedUses": list,
    "earlyRenewalHours": int,
    "isCaCertificate": bool,
    "maxPathLength": int,
    "setSubjectKeyId": bool,
    "validityPeriodHours": int,
}
_DEFAULTS = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}

RESOURCES = {
    "tls:index/privateKey:PrivateKey": Resource(
        inputs={"algorithm": str, "ecdsaCurve": str, "rsaBits": int},
        required=frozenset({"algorithm"}),
        defaults={"ecdsaCurve": "P224", "rsaBits": 2048},
        secrets=frozenset({"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}),
        check=keys.check_key,
        create=keys.create_key,
        schema_version=1,
    ),
    "tls:index/certRequest:CertRequest": Resource(
        inputs={**_SUBJECT, **_key_inputs("privateKeyPem")},
        secrets=frozenset({"privateKeyPem", "privateKeyPemWo"}),
        write_only=frozenset({"privateKeyPemWo"}),
        check=certificates.check_request,
        create=certificates.create_request,
    ),
    "tls:index/selfSignedCert:SelfSignedCert": Resource(
        inputs={**_SUBJECT, **_CERTIFICATE, **_key_inputs("privateKeyPem"), "setAuthorityKeyId": bool},
        required=frozenset({"allowedUses", "validityPeriodHours"}),
        defaults={**_DEFAULTS, "setAuthorityKeyId": False},
        secrets=frozenset({"privateKeyPem", "privateKeyPemWo"}),
        write_only=frozenset({"privateKeyPemWo"}),
        in_place=frozenset({"earlyRenewalHours"}),
        check=certificates.check_self_signed,
        create=certificates.create_self_signed,
        expired=certificates.ready_for_renewal,
    ),
    "tls:index/locallySignedCert:LocallySignedCert": Resource(
        inputs={**_CERTIFICATE, **_key_inputs("caPrivateKeyPem"), "caCertPem": str, "certRequestPem": str},
        required=frozenset({"allowedUses", "caCertPem", "certRequestPem", "validityPeriodHours"}),
        defaults=_DEFAULTS,
        secrets=frozenset({"caPrivateKeyPem", "caPrivateKeyPemWo"}),
        write_only=frozenset({"caPrivateKeyPemWo"}),
        in_place=frozenset({"earlyRenewalHours"}),
        check=certificates.check_locally_signed,
        create=certificates.create_locally_signed,
        expired=certificates.ready_for_renewal,
    ),
}
