"""A second facility in the cluster: it comes from the release before, neither sees the other, and it goes.

It is made by the program of the release before and brought to today's, so that one life of a facility
shows both. Its pods are real, and every refusal has a request beside it that shows that the target is there.
"""

from __future__ import annotations

import socket
import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.hub import HEALTH_USER
from components.network import SCHEDULER, WORKER
from tests.e2e.accounts import ask
from tests.e2e.facility import (
    STACK,
    Facility,
    execute,
    kubectl,
    objects,
    pod_name,
    pods,
    pulumi,
    reaches,
    uids,
    wait_for,
)
from tests.e2e.person import Person
from tests.e2e.server import Account, Server
from tests.e2e.tenant import NAME, Tenant, evidence, images_of_today
from tests.upgrade import previous

CRD = "daskclusters.gateway.dask.org"
NEIGHBOURS = """
from dask_gateway import Gateway
neighbours = Gateway().new_cluster()
"""


@pytest.fixture(scope="module")
def first(person: Person) -> Iterator[Server]:
    """The first facility's user with a new server and a Dask scheduler, but no workers: cores are few."""
    account = person.account
    # With the server goes what tests before have left there, if any have.
    account.stop_server()
    wait_for("the end of its workers", lambda: not pods("dask-worker"), 60)
    account.start_server()
    kernel = account.start_kernel()
    kernel.run(NEIGHBOURS)
    yield kernel
    account.stop_server()


@dataclass(frozen=True)
class Second:
    """The second facility, with today's program."""

    tenant: Tenant
    account: Account
    """Its one user."""
    kernel: Server
    """In a server that was started before the upgrade."""
    before: Mapping[str, Any]
    """Evidence from before the upgrade."""


@pytest.fixture(scope="module")
def second(first: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    """The second facility, made by the release before, used, and brought to today's program."""
    assert first
    tenant = Tenant()
    try:
        program = previous.unpack(tmp_path_factory.mktemp("previous"))
        tenant.up(program, images=images_of_today(program))
        account = tenant.account()
        account.start_server()
        kernel = account.start_kernel()
        kernel.run("survivor = 'here'\nwith open('remembered.txt', 'w') as file: file.write(survivor)")
        before = evidence()
        # What facilities share is installed by both from now on.
        tenant.up(daskGateway={"installCrd": True})
        yield Second(tenant, account, kernel, before)
    finally:
        if tenant.exists():
            tenant.destroy()


def test_after_an_upgrade_users_homes_keys_and_the_session_are_those_of_before(second: Second) -> None:
    assert second.before["users"], "the test's own user at least"
    assert [claim for claim in second.before["claims"] if claim.startswith("home-")]
    assert len(second.before["session"]) == 1
    now = evidence()
    assert {what for what in now if now[what] != second.before[what]} == set()


def test_after_an_upgrade_the_notebook_runs_on_with_its_variable_and_its_file(second: Second) -> None:
    assert second.kernel.value("", "[survivor, open('remembered.txt').read()]") == ["here", "here"]


def test_after_an_upgrade_nothing_is_left_to_change(second: Second) -> None:
    second.tenant.pulumi("preview", "--expect-no-changes")


@dataclass(frozen=True)
class Refused:
    """A connection from one facility to a Service of the other; ``allowed`` may make it in that one."""

    caller: str
    host: str
    port: int
    allowed: str
    there: str = STACK
    """Whose Service it is."""

    def __str__(self) -> str:
        return f"{self.caller} to {self.host}.{self.there}:{self.port}"


REFUSED = (
    Refused("session", "hub", 8081, "session"),
    Refused("session", "proxy-api", 8001, "hub"),
    Refused("session", "credentials", 8443, "hub"),
    Refused("session", "xcache", 1094, "session"),
    Refused("session", "dask-router", 8786, "session"),
    Refused("session", "dask-router", 8000, "session"),
    Refused("session", "SCHEDULER", 8786, "dask-router"),
    Refused("session", "SESSION", 8888, "proxy"),
    # Whoever has a right in its own namespace has none by the same label in another.
    Refused("hub", "proxy-api", 8001, "hub"),
    Refused("hub", "credentials", 8443, "hub"),
    Refused("hub", "SESSION", 8888, "hub"),
    Refused("proxy", "hub", 8081, "proxy"),
    Refused("dask-gateway-api", "SCHEDULER", 8788, "dask-gateway-api"),
    Refused("dask-router", "dask-gateway", 8000, "dask-router"),
    Refused("dask-router", "SCHEDULER", 8786, "dask-router"),
    Refused("session", "hub", 8081, "session", NAME),
    Refused("hub", "credentials", 8443, "hub", NAME),
    Refused("hub", "proxy-api", 8001, "hub", NAME),
)


USERS = {STACK: "physicist@example.org", NAME: HEALTH_USER}
"""Whose sessions they are."""


def session_name(namespace: str) -> str:
    """Return the name of a facility's session pod."""
    return pod_name("session", USERS[namespace], namespace=namespace)


def pod(component: str, namespace: str) -> str:
    return session_name(namespace) if component == "session" else pod_name(component, namespace=namespace)


def host(case: Refused, first: Server) -> str:
    """Return the name under which the whole cluster finds a Service."""
    if case.host == "SESSION":
        return f"{session_name(case.there).removeprefix('jupyter-')}.sessions.{case.there}.svc"
    if case.host == "SCHEDULER":
        return f"dask-{first.value('', 'neighbours.name').split('.')[1]}.{case.there}.svc"
    return f"{case.host}.{case.there}.svc"


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_connection_into_the_other_facility_is_refused(
    case: Refused, first: Server, second: Second
) -> None:
    assert second
    here = NAME if case.there == STACK else STACK
    name = host(case, first)
    assert reaches(pod(case.allowed, case.there), name, case.port, namespace=case.there), "it is not there"
    assert not reaches(pod(case.caller, here), name, case.port, namespace=here)


ACCOUNTS = ("hub", "dask-gateway-api", "dask-gateway-controller", "default")
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "intruder"}}
FORBIDDEN = (
    ("GET", "/api/v1/namespaces/{}/secrets", None),
    ("GET", "/api/v1/namespaces/{}/secrets/hub-secrets", None),
    ("PUT", "/api/v1/namespaces/{}/secrets/intruder?dryRun=All", SECRET),
    ("GET", "/api/v1/namespaces/{}/pods", None),
    ("POST", "/api/v1/namespaces/{}/pods?dryRun=All", POD),
    ("GET", "/api/v1/namespaces/{}/persistentvolumeclaims", None),
    ("GET", "/api/v1/namespaces/{}/services", None),
    ("GET", "/apis/gateway.dask.org/v1alpha1/namespaces/{}/daskclusters", None),
    ("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}?dryRun=All", None),
)


@pytest.mark.parametrize("here", [NAME, STACK])
def test_an_account_of_one_has_no_right_in_the_other(second: Second, here: str) -> None:
    assert second
    there = STACK if here == NAME else NAME
    assert ask("hub", "GET", f"/api/v1/namespaces/{here}/pods", namespace=here).status_code == 200
    answers = {
        f"{account} {method} {path.format(there)}": ask(
            account, method, path.format(there), body, namespace=here
        ).status_code
        for account in ACCOUNTS
        for method, path, body in FORBIDDEN
    }
    assert {request: status for request, status in answers.items() if status != 403} == {}


def test_an_api_token_of_one_is_no_token_at_the_other(
    second: Second, person: Person, facility: Facility
) -> None:
    mine, theirs = person.account, second.account
    for own, stranger in (
        (mine, Account(facility, mine.user, theirs.token)),
        (theirs, Account(theirs.facility, theirs.user, mine.token)),
    ):
        assert own.request("GET", own.hub_path).status_code == 200
        assert stranger.request("GET", own.hub_path).status_code in (401, 403)


def test_a_user_of_one_sees_no_cluster_of_the_other(second: Second, first: Server) -> None:
    listed = "[report.name for report in Gateway().list_clusters()]"
    assert first.value("from dask_gateway import Gateway", listed)
    assert second.account.start_kernel().value("from dask_gateway import Gateway", listed) == []


def secret(name: str, key: str, namespace: str) -> str:
    """Return what is in a Secret, as only an operator can."""
    (found,) = [s for s in objects("secrets", namespace=namespace) if s["metadata"]["name"] == name]
    return b64decode(found["data"][key]).decode()


ASK_ISSUER = """
import http.client, ssl, sys, tempfile
context = ssl.create_default_context(cafile="/etc/coffea-casa/ca/ca.pem")
with tempfile.NamedTemporaryFile("w", dir="/tmp") as file:
    file.write(sys.stdin.read())
    file.flush()
    context.load_cert_chain(file.name)
connection = http.client.HTTPSConnection("credentials", 8443, context=context, timeout=10)
try:
    connection.request("GET", "/v1/bundles")
    print(connection.getresponse().status)
except (ssl.SSLError, ConnectionError) as error:
    print("refused:", error)
"""


def asked_with(owner: str) -> str:
    """Return what the first issuer answers where its own hub is, with the certificate of somebody's hub."""
    parts = (secret("hub-issuer-client", key, owner) for key in ("tls.key", "tls.crt"))
    done = execute(pod_name("hub"), "python", "-c", ASK_ISSUER, stdin="".join(parts))
    assert not done.returncode, done.stderr
    return done.stdout.strip()


def test_a_hubs_certificate_of_one_is_refused_by_the_others_issuer(second: Second) -> None:
    assert second
    # It signs for POST requests alone, but listens.
    assert asked_with(STACK) == "405"
    assert asked_with(NAME).startswith("refused")


@pytest.fixture
def scheduler(first: Server) -> Iterator[str]:
    """A scheduler in the first user's session, to be found from outside under the name that it returns."""
    first.run("from coffea_casa import CoffeaCasaCluster; besides = CoffeaCasaCluster()")
    yield f"{session_name(STACK).removeprefix('jupyter-')}.dask.localhost"
    first.run("besides.close()")


def heard(name: str, certificate: str, facility: Facility, directory: Path) -> bool:
    """Tell whether a scheduler speaks to whoever comes with a certificate."""
    file = directory / "usercert.pem"
    file.write_text(certificate)
    context = ssl.create_default_context(cafile=str(facility.ca_file))
    context.load_cert_chain(file)
    try:
        with (
            socket.create_connection(("localhost", 30786), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            return bool(tls.recv(8))
    except (ConnectionError, ssl.SSLError):
        return False


def test_a_users_certificate_of_one_is_refused_by_the_others_scheduler(
    second: Second, scheduler: str, facility: Facility, tmp_path: Path
) -> None:
    mine, theirs = (
        secret(f"session-{session_name(namespace).removeprefix('jupyter-')}", "usercert.pem", namespace)
        for namespace in (STACK, NAME)
    )
    assert second
    assert heard(scheduler, mine, facility, tmp_path)
    assert not heard(scheduler, theirs, facility, tmp_path)


def crd() -> str:
    """Return the identity of what facilities share."""
    return kubectl("get", "customresourcedefinition", CRD, "--output=jsonpath={.metadata.uid}").stdout


def steady() -> dict[str, str]:
    """Return the identities of the first facility's pods, but for those that Dask makes and ends."""
    return {component: found for component, found in uids().items() if component not in (SCHEDULER, WORKER)}


def test_destroying_one_leaves_the_other_untouched(second: Second, first: Server) -> None:
    first.run("untouched = 'here'")
    before, shared = steady(), crd()
    assert shared and {"hub", "proxy", "session", "xcache"} <= set(before)
    second.tenant.destroy()
    assert kubectl("get", "namespace", NAME, check=False).returncode != 0
    assert (steady(), crd()) == (before, shared)
    assert first.value("from dask_gateway import Gateway", "untouched") == "here"
    assert first.value("", "neighbours.name in [report.name for report in Gateway().list_clusters()]")
    pulumi("preview", "--expect-no-changes")
