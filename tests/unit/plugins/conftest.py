"""A small certificate authority made by the stand-in, as the facility makes its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.plugins import resource, tls
from local.plugins.resource import Properties

CA_USES = ["cert_signing", "crl_signing", "digital_signature"]


def make(kind: str, **inputs: Any) -> Properties:
    """Check inputs and make a resource of the tls stand-in, as the engine has it done."""
    (type_,) = (tls.RESOURCES[token] for token in tls.RESOURCES if token.endswith(f":{kind}"))
    resource.check(type_, inputs)
    return resource.create(type_, inputs)[1]


def make_key(algorithm: str = "ECDSA") -> Properties:
    return make("PrivateKey", algorithm=algorithm, ecdsaCurve="P256")


def make_ca(key: Properties, name: str = "facility", **inputs: Any) -> Properties:
    given: dict[str, Any] = {
        "privateKeyPem": key["privateKeyPem"],
        "isCaCertificate": True,
        "allowedUses": CA_USES,
        "setSubjectKeyId": True,
        "setAuthorityKeyId": True,
        "subject": {"commonName": name, "organization": "Coffea-casa"},
        "validityPeriodHours": 24,
    }
    return make("SelfSignedCert", **{**given, **inputs})


@dataclass(frozen=True)
class Authority:
    key: Properties
    certificate: Properties

    def sign(self, request: Properties, **inputs: Any) -> Properties:
        given: dict[str, Any] = {
            "caPrivateKeyPem": self.key["privateKeyPem"],
            "caCertPem": self.certificate["certPem"],
            "certRequestPem": request["certRequestPem"],
            "allowedUses": ["digital_signature", "server_auth"],
            "setSubjectKeyId": True,
            "validityPeriodHours": 24,
        }
        return make("LocallySignedCert", **{**given, **inputs})


def make_request(key: Properties, **inputs: Any) -> Properties:
    given: dict[str, Any] = {
        "privateKeyPem": key["privateKeyPem"],
        "subject": {"commonName": "hub"},
        "dnsNames": ["hub", "hub.opendata.svc"],
        "ipAddresses": ["127.0.0.1", "::1"],
    }
    return make("CertRequest", **{**given, **inputs})


@dataclass(frozen=True)
class Files:
    """A server's files, and the CA file of its client."""

    chain: str
    key: str
    ca: str


def write(directory: Path, *, ca: str, certificate: str, key: str) -> Files:
    for name, text in (("ca", ca), ("chain", certificate + ca), ("key", key)):
        (directory / f"{name}.pem").write_text(text)
    return Files(*(str(directory / f"{name}.pem") for name in ("chain", "key", "ca")))


@pytest.fixture(scope="session")
def authority() -> Authority:
    key = make_key()
    return Authority(key, make_ca(key))


@pytest.fixture(scope="session")
def server_key() -> Properties:
    return make_key()


@pytest.fixture(scope="session")
def request_for_hub(server_key: Properties) -> Properties:
    return make_request(server_key)


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    server_key: Properties,
    request_for_hub: Properties,
) -> Files:
    return write(
        tmp_path_factory.mktemp("server"),
        ca=authority.certificate["certPem"],
        certificate=authority.sign(request_for_hub)["certPem"],
        key=server_key["privateKeyPemPkcs8"],
    )
