"""Certificates for users, before strict verifiers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from services.credentials.authority import USERS, Authority, Pair, host_pair, user_pair
from services.credentials.person import Person
from tests.unit.credentials.ca import Ca, openssl
from tests.unit.credentials.conftest import ADA, ISSUER, SETTINGS
from tests.unit.plugins.conftest import make_key
from tests.unit.plugins.handshake import handshake

WEEK = 604800


def certificate(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.pem.encode())


def host(ca: Ca, person: Person = ADA, *, lifetime: int = WEEK, now: int | None = None) -> Pair:
    return host_pair(ca.authority(), person, SETTINGS.sessions, lifetime, now or int(time.time()))


def user(ca: Ca, person: Person = ADA, *, lifetime: int = WEEK, now: int | None = None) -> Pair:
    return user_pair(ca.authority(), person, ISSUER, lifetime, now or int(time.time()))


def names(pair: Pair) -> tuple[str, str]:
    """Return organisation and common name; nothing else may be in a subject."""
    organisation, common = list(certificate(pair).subject)
    assert (organisation.oid, common.oid) == (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    return str(organisation.value), str(common.value)


def uses(pair: Pair) -> set[x509.ObjectIdentifier]:
    return set(certificate(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_session_is_called_by_each_of_its_names(tmp_path: Path, ca: Ca) -> None:
    (tmp_path / "host.pem").write_text(host(ca).pem)
    (tmp_path / "ca.pem").write_text(ca.pem)
    file, trusted = str(tmp_path / "host.pem"), str(tmp_path / "ca.pem")
    for name in (
        "localhost",
        "127.0.0.1",
        "::1",
        f"{ADA.slug}.sessions.opendata.svc",
        f"{ADA.slug}.sessions.opendata.svc.cluster.local",
        f"{ADA.slug}.dask.localhost",
    ):
        handshake(file, file, trusted, name, strict=True)


@pytest.mark.parametrize("name", ["eve.sessions.opendata.svc", "hub", "credentials", "dask.localhost"])
def test_no_session_is_called_by_the_name_of_another(tmp_path: Path, ca: Ca, name: str) -> None:
    (tmp_path / "host.pem").write_text(host(ca).pem)
    (tmp_path / "ca.pem").write_text(ca.pem)
    with pytest.raises(Exception, match="mismatch|not valid for"):
        handshake(
            str(tmp_path / "host.pem"),
            str(tmp_path / "host.pem"),
            str(tmp_path / "ca.pem"),
            name,
            strict=True,
        )


@pytest.mark.parametrize(
    ("make", "purposes", "refused"),
    [(host, ["sslserver", "sslclient"], []), (user, ["sslclient"], ["sslserver"])],
)
def test_openssl_verifies_strictly_what_a_certificate_is_for(
    tmp_path: Path, ca: Ca, make: Callable[..., Pair], purposes: list[str], refused: list[str]
) -> None:
    (tmp_path / "pair.pem").write_text(make(ca).pem)
    (tmp_path / "ca.pem").write_text(ca.pem)
    for purpose in (*purposes, *refused):
        done = openssl(
            "verify",
            "-x509_strict",
            "-CAfile",
            tmp_path / "ca.pem",
            "-purpose",
            purpose,
            tmp_path / "pair.pem",
        )
        assert (done.returncode == 0) == (purpose in purposes), (purpose, done.stderr)


def test_uses_are_named(ca: Ca) -> None:
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    assert uses(user(ca)) == {client}
    assert uses(host(ca)) == {client, server}


def test_a_file_is_a_key_in_pkcs8_and_its_certificate(ca: Ca) -> None:
    pair = host(ca)
    assert pair.pem.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert pair.pem.count("-----BEGIN CERTIFICATE-----\n") == 1
    key = load_pem_private_key(pair.pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == certificate(pair).public_key()
    assert int(pair.serial, 16) == certificate(pair).serial_number


def test_every_certificate_has_a_key_of_its_own(ca: Ca) -> None:
    made = [make(ca) for make in (host, host, user, user)]
    assert len({pair.pem.partition("-----END")[0] for pair in made}) == 4
    assert len({pair.serial for pair in made}) == 4


def test_a_users_certificate_has_their_name_and_label(ca: Ca) -> None:
    pair = user(ca)
    assert names(pair) == (USERS, "ada@example.org")
    (name,) = certificate(pair).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert name.value == f"{ISSUER}/users/{ADA.slug}"


@pytest.mark.parametrize("name", ["a" * 64, "ø" * 32])
def test_a_name_that_just_fits_is_in_the_certificate(ca: Ca, name: str) -> None:
    assert names(user(ca, Person(name, "ada")))[1] == name


@pytest.mark.parametrize("name", ["a" * 65, "ø" * 33, "a" * 255])
def test_a_name_too_long_for_a_certificate_gives_way_to_the_label(ca: Ca, name: str) -> None:
    assert names(user(ca, Person(name, "ada")))[1] == "ada"


@pytest.mark.parametrize(
    "name", ["hub", "CN=hub, O=Coffea-casa", "hub/O=Coffea-casa", "x+O=Coffea-casa", "Coffea-casa"]
)
@pytest.mark.parametrize("make", [host, user])
def test_nobody_is_of_the_facilitys_own_organisation(ca: Ca, make: Callable[..., Pair], name: str) -> None:
    organisation, _ = names(make(ca, Person(name, "hub")))
    assert organisation == "Coffea-casa users"


@pytest.mark.parametrize("make", [host, user])
def test_users_are_no_authorities(ca: Ca, make: Callable[..., Pair]) -> None:
    extensions = certificate(make(ca)).extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert not usage.value.key_cert_sign


def test_a_certificate_lives_as_long_as_it_says_and_forgives_a_slow_clock(ca: Ca) -> None:
    now = int(time.time())
    pair = host(ca, lifetime=3600, now=now)
    assert pair.expires == now + 3600 == int(certificate(pair).not_valid_after_utc.timestamp())
    assert int(certificate(pair).not_valid_before_utc.timestamp()) == now - 60


def test_no_certificate_outlives_its_ca(ca: Ca) -> None:
    end = int(ca.authority().certificate.not_valid_after_utc.timestamp())
    pair = user(ca, lifetime=WEEK, now=end - 10)
    assert pair.expires == end
    assert certificate(pair).not_valid_after_utc == datetime.fromtimestamp(end, UTC)


def test_an_expired_ca_signs_nothing(ca: Ca) -> None:
    end = int(ca.authority().certificate.not_valid_after_utc.timestamp())
    with pytest.raises(ValueError, match="CA has expired"):
        user(ca, now=end)


def test_the_key_of_another_ca_is_refused(ca: Ca) -> None:
    with pytest.raises(ValueError, match="not that of its certificate"):
        Authority.load(ca.pem.encode(), make_key()["privateKeyPem"].encode())


def test_a_ca_key_of_another_kind_is_refused(ca: Ca) -> None:
    with pytest.raises(ValueError, match="elliptic curve"):
        Authority.load(ca.pem.encode(), make_key("RSA")["privateKeyPem"].encode())
