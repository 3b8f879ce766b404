"""What is one user's is nobody else's, though the other is let in, has a token and a session."""

from __future__ import annotations

import pytest

from health.account import user_path
from tests.e2e.facility import Facility, execute, pod_name, pods
from tests.e2e.person import Person
from tests.e2e.server import Account, Server

CLUSTERS = "/services/dask-gateway/api/v1/clusters/"
REFUSED = (401, 403, 404)

FROM_A_SESSION = """
import ssl, socket, sys
from aiohttp import ClientResponseError
from dask_gateway import Gateway

name, command = sys.argv[1:]
gateway = Gateway()
if command == "list":
    print([report.name for report in gateway.list_clusters()])
elif command == "connect":
    try:
        gateway.connect(name)
    except ClientResponseError as error:
        print("refused:", error.status)
elif command == "handshake":
    # As a Dask client would, but without the owner's certificate.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("dask-router", 8786), 10) as plain:
        with context.wrap_socket(plain, server_hostname=f"daskgateway-{name}") as connection:
            connection.settimeout(10)
            try:
                print("answered" if connection.recv(1) else "closed")
            except ssl.SSLError as error:
                print("refused:", error.reason)
"""


def in_session(user: str, cluster: str, command: str) -> str:
    """Run a part of FROM_A_SESSION in a user's session pod and return what it printed."""
    done = execute(pod_name("session", user), "python", "-c", FROM_A_SESSION, cluster, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def nobody(facility: Facility) -> Account:
    """Somebody with a token that the hub does not know."""
    return Account(facility, "nobody", "0" * 32)


def test_the_colleagues_own_token_works(colleague: Person) -> None:
    account = colleague.account
    assert account.get(f"{user_path(account.user)}api/status")["started"]
    assert account.get(CLUSTERS) == {}


@pytest.mark.parametrize("path", ["api/status", "api/contents/", "api/kernels", "api/sessions", "lab"])
def test_a_server_is_closed_to_a_colleagues_token(path: str, notebook: Server, colleague: Person) -> None:
    assert notebook.account.request("GET", notebook.path + path).status_code in (200, 302)
    assert colleague.account.request("GET", notebook.path + path).status_code == 403


def test_a_server_is_closed_to_a_colleagues_browser(notebook: Server, colleague: Person) -> None:
    url = colleague.account.facility.url
    answer = colleague.page.goto(f"{url}{notebook.path}lab")
    assert answer and answer.status == 403


def test_the_hub_hides_a_user_from_a_colleague(notebook: Server, colleague: Person) -> None:
    path = notebook.account.hub_path
    assert notebook.account.request("GET", path).status_code == 200
    assert colleague.account.request("GET", path).status_code in REFUSED
    assert colleague.account.request("DELETE", f"{path}/server").status_code in REFUSED
    assert colleague.account.request("POST", f"{path}/tokens", json={}).status_code in REFUSED
    assert notebook.value("", "1") == 1


def test_a_cluster_is_closed_to_a_colleagues_token(cluster: str, notebook: Server, colleague: Person) -> None:
    path = CLUSTERS + cluster
    assert cluster in notebook.account.get(CLUSTERS)
    assert notebook.account.get(path)["tls_key"]
    assert colleague.account.get(CLUSTERS) == {}
    assert colleague.account.request("GET", path).status_code in REFUSED
    assert colleague.account.request("POST", f"{path}/scale", json={"count": 0}).status_code in REFUSED
    assert colleague.account.request("DELETE", path).status_code in REFUSED
    assert len(pods("dask-worker")) == 2


def test_the_gateway_is_closed_to_an_unknown_token(cluster: str, nobody: Account) -> None:
    for method, path in (("GET", CLUSTERS), ("POST", CLUSTERS), ("GET", CLUSTERS + cluster)):
        assert nobody.request(method, path, json={}).status_code == 401
    assert len(pods("dask-scheduler")) == 1


def test_a_cluster_is_closed_to_a_colleagues_session(
    cluster: str, notebook: Server, colleague: Person
) -> None:
    user = colleague.account.user
    assert in_session(notebook.account.user, cluster, "list") == f"['{cluster}']"
    assert in_session(user, cluster, "list") == "[]"
    assert in_session(user, cluster, "connect") == "refused: 403"
    assert in_session(user, cluster, "handshake").startswith(("refused:", "closed"))


def test_a_dashboard_is_its_owners_alone(
    cluster: str, notebook: Server, colleague: Person, nobody: Account
) -> None:
    path = f"/services/dask-gateway/clusters/{cluster}/status"
    assert notebook.account.request("GET", path).status_code == 200
    assert colleague.account.request("GET", path).status_code in REFUSED
    assert nobody.request("GET", path).status_code in REFUSED


def test_a_dashboard_opens_in_its_owners_browser_and_in_no_other(
    cluster: str, person: Person, colleague: Person
) -> None:
    url = f"{person.account.facility.url}/services/dask-gateway/clusters/{cluster}/status"
    mine, theirs = person.page.context.new_page(), colleague.page.context.new_page()
    answer = mine.goto(url)
    assert answer and answer.status == 200 and "Dask" in mine.title()
    answer = theirs.goto(url)
    assert answer and answer.status in REFUSED
    mine.close()
    theirs.close()
