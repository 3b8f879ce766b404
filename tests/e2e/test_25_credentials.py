"""What a session holds to show who it is: files, renewal, and their end; in real pods."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.e2e.facility import execute, kubectl, objects, pod_name, pods, rollout, wait_for
from tests.e2e.person import Person
from tests.e2e.server import Account, Server

DIRECTORY, PRIVATE = "/etc/cmsaf-secrets", "/etc/cmsaf-secrets-chown"
FILES = {"ca.pem", "ca-bundle.pem", "hostcert.pem", "usercert.pem", "access_token", "condor_token"}
LIFETIME = 300
"""Seconds; overrides.yaml says so."""
LISTING = """
import os, stat
def listing(directory):
    found = {}
    for name in os.listdir(directory):
        status = os.lstat(f"{directory}/{name}")
        found[name] = [stat.filemode(status.st_mode), status.st_uid == os.geteuid()]
    return found
"""
CERTIFICATE = """
import ssl, subprocess
def certificate(name):
    words = ["openssl", "x509", "-noout", "-subject", "-ext", "subjectAltName,extendedKeyUsage", "-in", name]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
def verified(name):
    words = ["openssl", "verify", "-x509_strict", "-CAfile", "/etc/cmsaf-secrets/ca.pem", name]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
"""


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def token_in(pod: str) -> str:
    """Return the data token in a pod."""
    return execute(pod, "cat", f"{PRIVATE}/access_token").stdout


def session_secrets() -> dict[str, Any]:
    """Return sessions' Secrets by name."""
    secrets = {secret["metadata"]["name"]: secret for secret in objects("secrets")}
    return {name: secret for name, secret in secrets.items() if name.startswith("session-")}


def test_programs_find_files_that_are_the_users_alone(notebook: Server) -> None:
    for directory in (DIRECTORY, PRIVATE):
        found = notebook.value(LISTING, f"listing('{directory}')")
        # HTCondor takes every file of its directory for tokens, so its own has one to itself.
        assert found.pop("tokens.d") == ["drwx--S---", True]
        assert found == {name: ["-rw-------", True] for name in FILES}
    variables = "[os.environ['BEARER_TOKEN_FILE'], os.environ['X509_CERT_FILE']]"
    assert notebook.value("import os", variables) == [f"{PRIVATE}/access_token", f"{DIRECTORY}/ca-bundle.pem"]


def test_the_token_is_that_users_for_the_cache_and_short_lived(notebook: Server) -> None:
    said = claims(notebook.value("", f"open('{PRIVATE}/access_token').read()"))
    assert said["sub"] == notebook.account.user
    assert said["aud"] == "https://xcache.opendata.svc.cluster.local:1094"
    assert said["wlcg.ver"] == "1.0"
    assert said["scope"] == "storage.read:/"
    assert said["exp"] - said["iat"] == LIFETIME


def test_the_certificates_are_that_sessions_and_strictly_valid(notebook: Server) -> None:
    for name in ("hostcert.pem", "usercert.pem"):
        assert notebook.value(CERTIFICATE, f"verified('{DIRECTORY}/{name}')").endswith("OK")
    host = notebook.value(CERTIFICATE, f"certificate('{DIRECTORY}/hostcert.pem')")
    hostname = notebook.value("import socket", "socket.gethostname()")
    assert f"DNS:{hostname}.sessions.opendata.svc.cluster.local" in host
    assert "DNS:localhost" in host
    user = notebook.value(CERTIFICATE, f"certificate('{DIRECTORY}/usercert.pem')")
    assert notebook.account.user in user
    assert "Server Authentication" not in user


def test_a_session_holds_no_key_that_signs_and_cannot_change_what_it_holds(notebook: Server) -> None:
    held = notebook.value("", f"open('{DIRECTORY}/ca.pem').read() + open('{DIRECTORY}/ca-bundle.pem').read()")
    assert "PRIVATE" not in held
    write = f"""
import os
try:
    open("{PRIVATE}/access_token", "w")
    answer = "written"
except OSError as error:
    answer = os.strerror(error.errno)
"""
    assert notebook.value(write, "answer") == "Read-only file system"


def test_two_users_have_two_tokens_and_two_secrets(notebook: Server, colleague: Person) -> None:
    mine, theirs = (
        claims(token_in(pod_name("session", user)))
        for user in (notebook.account.user, colleague.account.user)
    )
    assert mine["sub"] != theirs["sub"]
    assert len(session_secrets()) == len(pods("session"))


def test_schedulers_and_workers_hold_the_credentials_of_their_user(notebook: Server, cluster: str) -> None:
    assert cluster
    for component in ("dask-scheduler", "dask-worker"):
        pod = pod_name(component)
        assert claims(token_in(pod))["sub"] == notebook.account.user
        mode = execute(pod, "stat", "--format=%a %u", f"{PRIVATE}/access_token").stdout.split()
        assert mode == ["600", "1000"]


def test_every_bundle_is_on_record_without_the_secret(notebook: Server) -> None:
    token = token_in(pod_name("session", notebook.account.user))
    said = claims(token)
    logs = "".join(kubectl("logs", pod["metadata"]["name"]).stdout for pod in pods("credentials"))
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("token", {}).get("jti") == said["jti"]]
    assert line["user"] == notebook.account.user
    assert token.rsplit(".", 1)[1] not in logs
    assert "PRIVATE" not in logs
    assert token.rsplit(".", 1)[1] not in kubectl("logs", "deployment/hub").stdout


def test_a_renewed_token_comes_to_session_and_worker_without_a_restart(
    notebook: Server, cluster: str, figures: dict[str, Any]
) -> None:
    assert cluster
    session, worker = pod_name("session", notebook.account.user), pod_name("dask-worker")
    before = {pod: token_in(pod) for pod in (session, worker)}
    for pod, old in before.items():
        wait_for("another token", lambda pod=pod, old=old: token_in(pod) not in (old, ""), 240, 2)
        new = token_in(pod)
        assert claims(new)["jti"] != claims(old)["jti"]
        # Seen while the old one had a third of its life left at least.
        spent = time.time() - claims(old)["iat"]
        assert spent < LIFETIME * 2 / 3 + 10
        figures[f"life of a token spent when the next was seen in {pod.split('-')[0]} (of {LIFETIME} s)"] = (
            round(spent)
        )
    assert notebook.value("", "1 + 1") == 2


@pytest.fixture
def visitor(colleague: Person) -> Account:
    """The colleague, with a running server."""
    if not colleague.account.get(colleague.account.hub_path).get("servers"):
        colleague.account.start_server()
    return colleague.account


def test_the_secret_goes_with_the_session(visitor: Account) -> None:
    slug = kubectl(
        "get",
        "pod",
        pod_name("session", visitor.user),
        "--output=jsonpath={.metadata.labels.coffea-casa/user}",
    ).stdout
    assert f"session-{slug}" in session_secrets()
    visitor.stop_server()
    wait_for("the Secret's end", lambda: f"session-{slug}" not in session_secrets(), 60)
    visitor.start_server()
    assert f"session-{slug}" in session_secrets()


def test_without_the_issuer_a_server_does_not_start_and_the_user_hears_why(visitor: Account) -> None:
    visitor.stop_server()
    kubectl("scale", "deployment/credentials", "--replicas=0")
    selector = "--selector=app.kubernetes.io/component=credentials"
    # Those on their way out still answer.
    wait_for("the issuer's end", lambda: not objects("pods", selector), 60)
    try:
        started = visitor.request("POST", f"{visitor.hub_path}/server", json={})
        told = f"{started.status_code} {started.text}"
        if started.status_code in (201, 202):
            told = visitor.request("GET", f"{visitor.hub_path}/server/progress").text
        assert "credential service does not answer" in told, told
        assert not [
            pod
            for pod in pods("session")
            if pod["metadata"]["annotations"].get("hub.jupyter.org/username") == visitor.user
        ]
    finally:
        kubectl("scale", "deployment/credentials", "--replicas=2")
        rollout("credentials")
    visitor.start_server()
