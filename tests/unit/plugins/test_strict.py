"""Certificates of the tls stand-in before strict verifiers: OpenSSL's, and Python's from 3.13 on."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from local.plugins.resource import Properties
from tests.unit.plugins import handshake as handshake_file
from tests.unit.plugins.conftest import Authority, Files, make_ca, make_key, make_request, write
from tests.unit.plugins.handshake import handshake

NEW = "import ssl; raise SystemExit(not ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT)"
"""A program that succeeds where the default context is strict."""


def strict_python() -> str:
    """Return a Python 3.13 or newer: this one, one on PATH that runs, or one that pyenv keeps."""
    named = map(shutil.which, ("python3.13", "python3.14", "python3"))
    # Of pyenv's programs on PATH only those of the chosen version run.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(map(str, pyenv.glob("3.1[3-9]*/bin/python")))
    for program in [sys.executable, *filter(None, named), *kept]:
        if not subprocess.run([program, "-c", NEW], capture_output=True).returncode:
            return program
    pytest.skip("this machine has no Python 3.13+; the tests above set its strict flag themselves")


@pytest.mark.parametrize("name", ["hub", "hub.opendata.svc", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_the_server_by_each_of_its_names(server: Files, name: str) -> None:
    handshake(server.chain, server.key, server.ca, name, strict=True)


@pytest.mark.parametrize("name", ["hub", "127.0.0.1"])
def test_the_default_context_of_python_3_13_accepts_the_server(server: Files, name: str) -> None:
    command = [strict_python(), handshake_file.__file__, server.chain, server.key, server.ca, name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["proxy", "opendata.svc", "127.0.0.2"])
def test_a_name_that_is_not_in_the_certificate_is_refused(server: Files, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch|not valid for"):
        handshake(server.chain, server.key, server.ca, name, strict=True)


def test_another_ca_of_the_same_name_is_refused(tmp_path: Path, server: Files) -> None:
    other = tmp_path / "other.pem"
    other.write_text(make_ca(make_key())["certPem"])
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(server.chain, server.key, str(other), "hub", strict=True)


def _server_of(directory: Path, key: Properties, request: Properties, ca_uses: list[str]) -> Files:
    ca_key = make_key()
    authority = Authority(ca_key, make_ca(ca_key, allowedUses=ca_uses))
    return write(
        directory,
        ca=authority.certificate["certPem"],
        certificate=authority.sign(request)["certPem"],
        key=key["privateKeyPem"],
    )


def test_only_a_strict_client_refuses_a_ca_without_key_usage(
    tmp_path: Path, server_key: Properties, request_for_hub: Properties
) -> None:
    files = _server_of(tmp_path, server_key, request_for_hub, [])
    handshake(files.chain, files.key, files.ca, "hub", strict=False)
    with pytest.raises(ssl.SSLCertVerificationError, match="key usage"):
        handshake(files.chain, files.key, files.ca, "hub", strict=True)


def test_a_ca_that_may_not_sign_certificates_is_refused(
    tmp_path: Path, server_key: Properties, request_for_hub: Properties
) -> None:
    files = _server_of(tmp_path, server_key, request_for_hub, ["digital_signature"])
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(files.chain, files.key, files.ca, "hub", strict=True)


def test_a_certificate_for_clients_does_not_serve(
    tmp_path: Path, authority: Authority, server_key: Properties, request_for_hub: Properties
) -> None:
    files = write(
        tmp_path,
        ca=authority.certificate["certPem"],
        certificate=authority.sign(request_for_hub, allowedUses=["client_auth"])["certPem"],
        key=server_key["privateKeyPem"],
    )
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(files.chain, files.key, files.ca, "hub", strict=True)


@pytest.mark.parametrize("algorithm", ["RSA", "ECDSA", "ED25519"])
def test_every_algorithm_makes_servers_that_a_strict_client_accepts(
    tmp_path: Path, authority: Authority, algorithm: str
) -> None:
    key = make_key(algorithm)
    certificate = authority.sign(make_request(key))["certPem"]
    files = write(
        tmp_path, ca=authority.certificate["certPem"], certificate=certificate, key=key["privateKeyPem"]
    )
    handshake(files.chain, files.key, files.ca, "hub", strict=True)


def openssl_verify(files: Files, *more: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("openssl")
    if not program:
        pytest.skip("there is no openssl program; the handshakes above use the same library's strict flag")
    command = [program, "verify", "-x509_strict", "-CAfile", files.ca, *more, files.chain]
    return subprocess.run(command, capture_output=True, text=True)


def test_openssl_verifies_the_server_strictly(server: Files) -> None:
    done = openssl_verify(server, "-purpose", "sslserver", "-verify_hostname", "hub.opendata.svc")
    assert done.returncode == 0, done.stderr


def test_openssl_verifies_a_client_strictly(
    tmp_path: Path, authority: Authority, server_key: Properties, request_for_hub: Properties
) -> None:
    files = write(
        tmp_path,
        ca=authority.certificate["certPem"],
        certificate=authority.sign(request_for_hub, allowedUses=["client_auth"])["certPem"],
        key=server_key["privateKeyPem"],
    )
    done = openssl_verify(files, "-purpose", "sslclient")
    assert done.returncode == 0, done.stderr
    assert openssl_verify(files, "-purpose", "sslserver").returncode != 0


def test_openssl_refuses_a_ca_without_key_usage(
    tmp_path: Path, server_key: Properties, request_for_hub: Properties
) -> None:
    done = openssl_verify(_server_of(tmp_path, server_key, request_for_hub, []))
    assert done.returncode != 0
    assert "key usage" in done.stderr
