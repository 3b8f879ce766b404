"""The facility's own certificate authority, with the real certificates that it leads to."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from components.base import Facility
from components.ca import CertificateAuthority, CertificateAuthorityArgs
from local.plugins.resource import Properties
from services.credentials import tls
from settings import Images
from tests.realmocks import run
from tests.unit.plugins.conftest import Files, write
from tests.unit.plugins.handshake import handshake
from tests.unit.plugins.test_strict import openssl_verify

FACILITY = Facility(namespace="opendata", dns_domain="cluster.local", storage_class=None, images=Images())


def made(public_url: str, *, sign_public: bool = True) -> dict[str, Properties]:
    args = CertificateAuthorityArgs(
        facility=FACILITY,
        public_url=public_url,
        sign_public=sign_public,
        servers=("identity",),
        clients=("hub",),
    )
    return run(lambda: CertificateAuthority("ca", args))


@pytest.fixture(scope="module")
def local() -> dict[str, Properties]:
    return made("https://localhost:30443")


def files(resources: dict[str, Properties], server: str, directory: Path) -> Files:
    return write(
        directory,
        ca=resources["ca-certificate"]["certPem"],
        certificate=resources[f"ca-{server}-certificate"]["certPem"],
        key=resources[f"ca-{server}-key"]["privateKeyPemPkcs8"],
    )


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("identity", "identity"),
        ("identity", "identity.opendata"),
        ("identity", "identity.opendata.svc"),
        ("identity", "identity.opendata.svc.cluster.local"),
        ("identity", "localhost"),
        ("proxy", "localhost"),
        ("proxy", "127.0.0.1"),
        ("proxy", "::1"),
    ],
)
def test_a_strict_client_reaches_each_server_by_each_of_its_names(
    tmp_path: Path, local: dict[str, Properties], server: str, name: str
) -> None:
    found = files(local, server, tmp_path)
    handshake(found.chain, found.key, found.ca, name, strict=True)


@pytest.mark.parametrize("name", ["identity.atlas", "hub", "example.org"])
def test_no_server_answers_for_another(tmp_path: Path, local: dict[str, Properties], name: str) -> None:
    found = files(local, "identity", tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(found.chain, found.key, found.ca, name, strict=True)


@pytest.mark.parametrize("server", ["identity", "proxy"])
def test_openssl_verifies_each_server_strictly(
    tmp_path: Path, local: dict[str, Properties], server: str
) -> None:
    done = openssl_verify(files(local, server, tmp_path), "-purpose", "sslserver")
    assert done.returncode == 0, done.stderr


def test_a_public_name_is_in_the_certificate_of_the_proxy(tmp_path: Path) -> None:
    found = files(made("https://hub.example.org"), "proxy", tmp_path)
    handshake(found.chain, found.key, found.ca, "hub.example.org", strict=True)


def test_the_proxy_has_no_certificate_where_another_authority_signs_for_the_address() -> None:
    assert not [name for name in made("https://hub.example.org", sign_public=False) if "proxy" in name]


def test_openssl_verifies_a_client_strictly_and_as_no_server(
    tmp_path: Path, local: dict[str, Properties]
) -> None:
    hub = files(local, "hub-client", tmp_path)
    done = openssl_verify(hub, "-purpose", "sslclient")
    assert done.returncode == 0, done.stderr
    assert openssl_verify(hub, "-purpose", "sslserver").returncode != 0


def test_a_server_is_no_client(tmp_path: Path, local: dict[str, Properties]) -> None:
    assert openssl_verify(files(local, "identity", tmp_path), "-purpose", "sslclient").returncode != 0


def test_a_clients_certificate_has_the_subject_that_the_issuer_wants(local: dict[str, Properties]) -> None:
    certificate = x509.load_pem_x509_certificate(local["ca-hub-client-certificate"]["certPem"].encode())
    assert [(name.rfc4514_attribute_name, name.value) for name in certificate.subject] == [
        ("O", "Coffea-casa"),
        ("CN", "hub"),
    ]
    assert tls.HUB == (("organizationName", "Coffea-casa"), ("commonName", "hub"))


def test_servers_are_no_authorities(local: dict[str, Properties]) -> None:
    for server in ("identity", "proxy", "hub-client"):
        certificate = x509.load_pem_x509_certificate(local[f"ca-{server}-certificate"]["certPem"].encode())
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_only_certificates_of_the_authority_are_public(local: dict[str, Properties]) -> None:
    assert local["facility-ca"]["data"] == {"ca.pem": local["ca-certificate"]["certPem"]}
