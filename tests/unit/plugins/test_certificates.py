"""Requests and certificates of the tls stand-in: contents, refusals, renewal."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.plugins.certificates import EXTENDED_USES, KEY_USES, ready_for_renewal
from local.plugins.resource import CheckError, Properties
from tests.unit.plugins.conftest import Authority, make, make_ca, make_key, make_request


def parsed(made: Properties) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made["certPem"].encode())


def extension(made: Properties, kind: Any) -> x509.Extension[Any]:
    return parsed(made).extensions.get_extension_for_class(kind)


def test_the_ca_says_that_it_is_one(authority: Authority) -> None:
    constraints = extension(authority.certificate, x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length is None
    usage = extension(authority.certificate, x509.KeyUsage)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign
    assert not usage.value.key_encipherment


def test_the_authority_key_of_a_certificate_is_the_subject_key_of_its_ca(
    authority: Authority, request_for_hub: Properties
) -> None:
    ca_id = extension(authority.certificate, x509.SubjectKeyIdentifier).value.key_identifier
    own = extension(authority.certificate, x509.AuthorityKeyIdentifier).value.key_identifier
    leaf = extension(authority.sign(request_for_hub), x509.AuthorityKeyIdentifier).value.key_identifier
    assert own == leaf == ca_id


def test_a_server_certificate_has_the_names_uses_and_subject_of_its_request(
    authority: Authority, request_for_hub: Properties
) -> None:
    made = authority.sign(request_for_hub)
    names = extension(made, x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["hub", "hub.opendata.svc"]
    assert list(map(str, names.value.get_values_for_type(x509.IPAddress))) == ["127.0.0.1", "::1"]
    assert not names.critical
    assert list(extension(made, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extension(made, x509.BasicConstraints).value.ca
    assert parsed(made).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "hub"
    assert made["readyForRenewal"] is False and made["caKeyAlgorithm"] == "ECDSA"


def test_names_are_critical_where_there_is_no_subject(authority: Authority, server_key: Properties) -> None:
    made = authority.sign(make_request(server_key, subject=None))
    assert extension(made, x509.SubjectAlternativeName).critical


def test_the_id_is_the_serial_number(authority: Authority) -> None:
    assert authority.certificate["id"] == str(parsed(authority.certificate).serial_number)


def test_a_certificate_is_valid_for_its_hours(authority: Authority) -> None:
    certificate = parsed(authority.certificate)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds() == 24 * 3600


def test_a_request_carries_every_field_of_a_subject(server_key: Properties) -> None:
    subject = {
        "commonName": "cn",
        "country": "CH",
        "emailAddress": "a@example.org",
        "locality": "l",
        "organization": "o",
        "organizationalUnit": "ou",
        "postalCode": "1211",
        "province": "p",
        "serialNumber": "7",
        "streetAddresses": ["s1", "s2"],
    }
    made = make_request(server_key, subject=subject, uris=["spiffe://hub"])
    request = x509.load_pem_x509_csr(made["certRequestPem"].encode())
    assert sorted(str(attribute.value) for attribute in request.subject) == sorted(
        ["cn", "CH", "a@example.org", "l", "o", "ou", "1211", "p", "7", "s1", "s2"]
    )
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://hub"]
    assert request.is_signature_valid


@pytest.mark.parametrize("use", sorted({**KEY_USES, **EXTENDED_USES}))
def test_every_use_gets_into_the_certificate(use: str) -> None:
    # What encipher_only restricts is key agreement; alone it means nothing (RFC 5280, section 4.2.1.3).
    uses = [use, "key_agreement"] if use in ("encipher_only", "decipher_only") else [use]
    made = make_ca(make_key(), allowedUses=uses)
    if use in KEY_USES:
        assert getattr(extension(made, x509.KeyUsage).value, KEY_USES[use])
    else:
        assert EXTENDED_USES[use] in extension(made, x509.ExtendedKeyUsage).value


def test_a_path_length_is_for_cas(authority: Authority, request_for_hub: Properties) -> None:
    ca = make_ca(make_key(), maxPathLength=1)
    leaf = authority.sign(request_for_hub, maxPathLength=1)
    assert extension(ca, x509.BasicConstraints).value.path_length == 1
    assert extension(leaf, x509.BasicConstraints).value.path_length is None


def test_a_write_only_key_signs_and_is_in_no_output() -> None:
    key = make_key()
    made = make_ca(key, privateKeyPem=None, privateKeyPemWo=key["privateKeyPem"], privateKeyPemWoVersion=1)
    assert parsed(made).public_key() == parsed(make_ca(key)).public_key()
    assert key["privateKeyPem"] not in map(str, made.values())


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"allowedUses": ["server"]}, "allowedUses: 'server' is none of any_extended,"),
        ({"allowedUses": "server_auth"}, "allowedUses: must be of type list, got 'server_auth'"),
        ({"allowedUses": ["encipher_only"]}, "allowedUses: .*key_agreement"),
        ({"validityPeriodHours": -1}, "validityPeriodHours: must be at least 0, got -1"),
        ({"validityPeriodHours": "24"}, "validityPeriodHours: must be of type int, got '24'"),
        ({"earlyRenewalHours": -1}, "earlyRenewalHours: must be at least 0"),
        ({"maxPathLength": -2}, "maxPathLength: must be at least -1"),
        ({"isCaCertificate": 1}, "isCaCertificate: must be of type bool, got 1"),
        ({"subject": None}, "subject: a CA must have one"),
        ({"subject": {"common_name": "x"}}, "subject.common_name: is none of country,"),
        ({"subject": {"commonName": "x", "country": "Switzerland"}}, "subject.country: "),
        ({"ipAddresses": ["300.1.1.1"]}, "ipAddresses: '300.1.1.1' does not appear"),
        ({"dnsNames": ["hüb"]}, "dnsNames: "),
        ({"privateKeyPem": "no key"}, "privateKeyPem: is no private key in PEM form"),
        ({"privateKeyPem": None}, "privateKeyPem: exactly one of privateKeyPem and privateKeyPemWo"),
        ({"privateKeyPemWo": "a key", "privateKeyPemWoVersion": 1}, "privateKeyPem: exactly one of"),
        ({"privateKeyPem": None, "privateKeyPemWo": "a key"}, "privateKeyPemWoVersion: is required"),
        ({"isCaCertificate": False, "setSubjectKeyId": False}, "setAuthorityKeyId: needs setSubjectKeyId"),
        ({"notes": "x"}, "notes: is no input; the inputs are allowedUses,"),
    ],
)
def test_bad_inputs_of_a_self_signed_certificate_are_refused(inputs: Properties, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        make_ca(make_key(), **inputs)


@pytest.mark.parametrize("name", ["allowedUses", "validityPeriodHours"])
def test_what_is_required_is_required(name: str) -> None:
    given = {"allowedUses": [], "validityPeriodHours": 1, "privateKeyPem": make_key()["privateKeyPem"]}
    del given[name]
    with pytest.raises(CheckError, match=f"{name}: is required"):
        make("SelfSignedCert", **given)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"caPrivateKeyPem": make_key()["privateKeyPem"]}, "caPrivateKeyPem: is not the key of caCertPem"),
        ({"caCertPem": "x"}, "caCertPem: cannot be read"),
        ({"certRequestPem": "x"}, "certRequestPem: cannot be read"),
        ({"allowedUses": ["x"]}, "allowedUses: 'x' is none of"),
    ],
)
def test_bad_inputs_of_a_signed_certificate_are_refused(
    authority: Authority, request_for_hub: Properties, inputs: Properties, message: str
) -> None:
    with pytest.raises(CheckError, match=message):
        authority.sign(request_for_hub, **inputs)


@pytest.mark.parametrize(("early", "ready"), [(0, False), (23, False), (24, True), (1000, True)])
def test_a_certificate_is_ready_for_renewal_in_its_last_hours(
    authority: Authority, request_for_hub: Properties, early: int, ready: bool
) -> None:
    made = authority.sign(request_for_hub, earlyRenewalHours=early)
    assert made["readyForRenewal"] is ready
    assert ready_for_renewal(made) is ready
