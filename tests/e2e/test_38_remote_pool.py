"""Sessions that submit to a site's own access point (pool.mode: remote), with SciTokens or its tokens."""

from __future__ import annotations

import json
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from services.credentials.keys import SigningKey
from tests.e2e.changes import changed
from tests.e2e.condor import slug
from tests.e2e.facility import Facility, kubectl, pod_name, pods, pulumi, wait_for
from tests.e2e.person import Person
from tests.e2e.server import Server
from tests.e2e.site_pool import (
    AUDIENCE,
    HOST,
    IMAGE,
    ISSUER,
    PLACE,
    SERVICE,
    SERVICE_PORT,
    TRUST_DOMAIN,
    UID_DOMAIN,
    Site,
    TokenService,
    containers,
    in_dns,
    in_universe,
    site_pool,
    token_service,
)
from tests.e2e.tokens import facility_key

FIRST, LAST = 20000, 20099
CA, SECRET = "site-ca", "site-token"
SCHEDD = f"schedd@{HOST}"
POOL: dict[str, Any] = {"mode": "remote", "trustDomain": TRUST_DOMAIN, "uidDomain": UID_DOMAIN}
REMOTE: dict[str, Any] = {
    "collector": HOST,
    "schedd": SCHEDD,
    "cidrs": [f"{PLACE.there}/32"],
    "workerPorts": [FIRST, LAST],
}
SCITOKENS = {"tokens": "scitokens", "audience": AUDIENCE, "caConfigMap": CA} | in_universe("docker")
START = """
import os, subprocess, time
from coffea_casa import CoffeaCasaCluster
from distributed import Client

start = time.monotonic()
pool = CoffeaCasaCluster()
client = Client("tls://localhost:8786")
pool.scale(2)
client.wait_for_workers(2, timeout=180)
seconds = time.monotonic() - start
"""
TOOLS = """
import os, subprocess

def run(*words, **variables):
    environment = os.environ | {f"_CONDOR_{name}": value for name, value in variables.items()}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)
    return [done.returncode, done.stdout + done.stderr]

def ping(level, **variables):
    words = ["condor_ping", "-quiet", "-type", "SCHEDD", "-name", os.environ["SITE_SCHEDD"], level]
    return run(*words, **variables)[0] == 0

def with_token(token, level):
    with open(os.open("token", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    return ping(level, SCITOKENS_FILE=os.path.abspath("token"))
"""


def again(person: Person) -> None:
    """Start a person's server anew: a running session goes on with what it was started with."""
    person.account.stop_server()
    person.account.start_server()


def kernel_of(person: Person) -> Server:
    """Return a new kernel with a few helpers."""
    server = person.account.start_kernel()
    server.run(f"import os; os.environ['SITE_SCHEDD'] = {SCHEDD!r}\n{TOOLS}")
    return server


@pytest.fixture(scope="module")
def site(colleague: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site's pool; a wildcard in its DNS leads to the facility's door for Dask."""
    with in_dns(), site_pool(tmp_path_factory.mktemp("site"), f"{slug(colleague)}.dask.localhost") as running:
        yield running


@pytest.fixture(scope="module")
def remote(site: Site, colleague: Person) -> Iterator[Site]:
    """The facility without a daemon of HTCondor's, and the colleague's session at the site's access point."""
    kubectl("delete", "configmap", CA, "--ignore-not-found")
    kubectl("create", "configmap", CA, f"--from-literal=ca.pem={site.ca}")
    # The engine refuses to let go of the own pool's key unless it is told to.
    state = json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]
    for urn in (r["urn"] for r in state if r["urn"].endswith("::condor-key") and r.get("protect")):
        pulumi("state", "unprotect", urn, "--yes")
    with changed(pool=POOL | {"remote": REMOTE | SCITOKENS}):
        again(colleague)
        yield site
    kubectl("delete", "configmap", CA)
    again(colleague)


@pytest.fixture(scope="module")
def workers(remote: Site, colleague: Person, figures: dict[str, Any]) -> Server:
    """The colleague's kernel with two workers at the site; the last test that asks for it ends it."""
    assert remote
    kernel = kernel_of(colleague)
    seconds = kernel.value(START, "seconds", seconds=300)
    figures["CoffeaCasaCluster() to 2 workers by a site's access point (s)"] = round(seconds, 1)
    return kernel


def test_the_facility_has_no_daemon_of_its_own(remote: Site) -> None:
    assert remote
    for component in ("condor-manager", "condor-schedd", "condor-execute"):
        assert pods(component) == []


def test_the_keys_are_shown_to_everybody_and_nothing_else_is(remote: Site, facility: Facility) -> None:
    assert remote

    def get(path: str) -> Any:
        return requests.get(f"{facility.url}{path}", verify=str(facility.ca_file), timeout=30)

    document = get("/hub/issuer/.well-known/openid-configuration").json()
    assert document["issuer"] == ISSUER
    keys = requests.get(document["jwks_uri"], verify=str(facility.ca_file), timeout=30).json()["keys"]
    assert facility_key().kid in {key["kid"] for key in keys}
    assert not [key for key in keys if "d" in key]
    assert get("/hub/issuer/bundles").status_code == 404


def test_the_sites_access_point_has_the_users_jobs_and_ran_them(workers: Server, remote: Site) -> None:
    who = slug(workers)
    told = remote.run("condor_q", "-allusers", "-af", "User", "RemoteHost", "JobUniverse").stdout
    lines = [line.split() for line in told.splitlines()]
    assert len(lines) == 2
    for user, host, universe in lines:
        assert user == f"{who}@{UID_DOMAIN}"
        assert host.endswith(f"@{HOST}")
        assert universe == "5"
    assert containers(remote) == [IMAGE] * 2


def test_they_compute_and_everything_is_encrypted(workers: Server) -> None:
    assert workers.value("", "client.submit(sum, [20, 22]).result(timeout=60)") == 42
    addresses = workers.value("", "[*client.scheduler_info(n_workers=-1)['workers']]")
    assert len(addresses) == 2
    for address in addresses:
        scheme, _, place = address.partition("://")
        host, _, port = place.partition(":")
        assert (scheme, host) == ("tls", PLACE.there)
        assert FIRST <= int(port) <= LAST


def token(key: SigningKey, who: str, **changes: Any) -> str:
    """Return a token that the site would take, but for what is changed."""
    now = int(time.time())
    claims = {
        "ver": "scitoken:2.0",
        "iss": ISSUER,
        "sub": who,
        "aud": AUDIENCE,
        "scope": "condor:/READ condor:/WRITE",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": str(uuid.uuid4()),
    } | changes
    return jwt.encode(claims, key.key, "ES256", headers={"kid": key.kid})


def test_a_users_token_reads_and_writes_and_nothing_more(workers: Server) -> None:
    assert workers.value("", "[ping('READ'), ping('WRITE')]") == [True, True]
    refused = ["DAEMON", "ADMINISTRATOR", "NEGOTIATOR", "ADVERTISE_STARTD"]
    assert workers.value("", f"[level for level in {refused!r} if ping(level)]") == []


def test_tokens_that_are_not_right_are_refused(workers: Server) -> None:
    key, who = facility_key(), slug(workers)
    good = token(key, who)
    assert workers.value("", f"with_token({good!r}, 'WRITE')") is True
    stranger = SigningKey(key.kid, ec.generate_private_key(ec.SECP256R1()))
    wrong = {
        "another audience": token(key, who, aud="https://condor.elsewhere.example.org"),
        "expired": token(key, who, exp=int(time.time()) - 60),
        "another key": token(stranger, who),
        "another issuer": token(key, who, iss="https://localhost:30443/hub/other"),
        "a name that the site does not map": token(key, "Root!"),
        "to read alone": token(key, who, scope="condor:/READ"),
        "to read data": token(key, who, scope="storage.read:/"),
    }
    let_in = workers.value("", f"[name for name, token in {wrong!r}.items() if with_token(token, 'WRITE')]")
    assert let_in == []
    assert workers.value("", f"with_token({wrong['to read alone']!r}, 'READ')") is True


def test_another_user_does_not_remove_a_job(workers: Server) -> None:
    other = token(facility_key(), "somebody-else")
    code = f"""
with_token({other!r}, "READ")
job = run("condor_q", "-name", os.environ["SITE_SCHEDD"], "-af", "ClusterId")[1].split()[0]
tried = run("condor_rm", "-name", os.environ["SITE_SCHEDD"], job, SCITOKENS_FILE=os.path.abspath("token"))
"""
    status, said = workers.value(code, "tried")
    assert status != 0, said
    assert workers.value("", "len(client.scheduler_info(n_workers=-1)['workers'])") == 2


def idle(site: Site) -> bool:
    """Tell whether nothing runs at the site."""
    return not site.run("condor_status", "-af", "RemoteUser", "-constraint", 'State == "Claimed"').stdout


def test_workers_that_are_not_wanted_any_more_end_at_the_site(workers: Server, remote: Site) -> None:
    workers.run("pool.scale(0)")
    wait_for("an idle site", lambda: idle(remote), 60)


def test_a_server_that_stops_takes_its_workers_along(
    workers: Server, remote: Site, colleague: Person, figures: dict[str, Any]
) -> None:
    workers.run("pool.scale(1); client.wait_for_workers(1, timeout=180)", seconds=200)
    start = time.monotonic()
    colleague.account.stop_server()
    wait_for("an idle site", lambda: idle(remote), 60)
    figures["server stopped to an idle site (s)"] = round(time.monotonic() - start, 1)
    colleague.account.start_server()


@pytest.fixture(scope="module")
def given(remote: Site, colleague: Person) -> Iterator[Server]:
    """A session whose token the site itself gave, in a Secret of the colleague's."""
    label = slug(colleague)
    name = f"{SECRET}-{label}"
    kubectl("delete", "secret", name, "--ignore-not-found")
    text = remote.token(f"{label}@{UID_DOMAIN}", "READ", "WRITE")
    kubectl("create", "secret", "generic", name, f"--from-literal=token={text}")
    told = {"tokens": "secrets", "secret": SECRET} | in_universe("vanilla")
    with changed(pool=POOL | {"remote": REMOTE | told}):
        again(colleague)
        yield kernel_of(colleague)
    kubectl("delete", "secret", name, "--ignore-not-found")


def test_a_token_of_the_sites_own_is_used_where_users_have_them(given: Server, remote: Site) -> None:
    assert given.value("", "[ping('READ'), ping('WRITE')]") == [True, True]
    seconds = given.value(START, "seconds", seconds=300)
    assert seconds > 0
    users = remote.run("condor_q", "-allusers", "-constraint", "JobStatus == 2", "-af", "User").stdout.split()
    assert users == [f"{slug(given)}@{UID_DOMAIN}"] * 2
    assert containers(remote) == []
    mode = given.value("", "oct(os.stat('/etc/cmsaf-secrets/tokens.d/condor_token').st_mode)")
    assert mode == "0o100600"
    given.run("client.close(); pool.close()")


def test_a_user_without_one_has_a_session_and_no_pool(given: Server, colleague: Person) -> None:
    kubectl("delete", "secret", f"{SECRET}-{slug(given)}")
    again(colleague)
    kernel = kernel_of(colleague)
    assert kernel.value("", "os.path.exists('/etc/cmsaf-secrets/access_token')") is True
    assert kernel.value("", "os.path.exists('/etc/cmsaf-secrets/tokens.d/condor_token')") is False
    assert kernel.value("", "ping('READ')") is False


@pytest.fixture(scope="module")
def service(remote: Site, colleague: Person) -> Iterator[TokenService]:
    """The site's token service, and the colleague's session that has its tokens from there."""
    told = {
        "tokens": "service",
        "service": f"https://{HOST}:{SERVICE_PORT}/v1/token",
        "audience": SERVICE,
        "caConfigMap": CA,
    } | in_universe("container")
    with token_service(remote) as running, changed(pool=POOL | {"remote": REMOTE | told}):
        again(colleague)
        yield running


GIVEN = "/run/secrets/condor/tokens.d/condor_token"
ASK = f"""
import ssl, urllib.error, urllib.request

def asked(assertion):
    headers = {{"Authorization": "Bearer " + assertion}}
    request = urllib.request.Request("https://{HOST}:{SERVICE_PORT}/v1/token", b"", headers)
    try:
        return urllib.request.urlopen(request, context=ssl.create_default_context(cadata=site_ca)).status
    except urllib.error.HTTPError as error:
        return error.code

def read(name):
    return open("/etc/cmsaf-secrets/" + name).read().strip()
"""


def test_the_sites_token_service_gives_a_token_for_that_user_and_renews_it(
    service: TokenService, remote: Site, colleague: Person
) -> None:
    kernel = kernel_of(colleague)
    who = f"{slug(kernel)}@{UID_DOMAIN}"
    wait_for("a token", lambda: kernel.value("", f"os.path.exists({GIVEN!r})"), 60)
    assert kernel.value("", "[ping('READ'), ping('WRITE'), ping('ADMINISTRATOR')]") == [True, True, False]
    assert set(service.audit) == {"ready", f"issued {who}"}
    first = kernel.value("", f"open({GIVEN!r}).read()").strip()
    claims = jwt.decode(first, options={"verify_signature": False})
    assert (claims["iss"], claims["sub"]) == (TRUST_DOMAIN, who)
    wait_for("a new token", lambda: kernel.value("", f"open({GIVEN!r}).read()").strip() != first, 30)
    assert kernel.value(START, "seconds", seconds=300) > 0
    users = remote.run("condor_q", "-allusers", "-constraint", "JobStatus == 2", "-af", "User").stdout.split()
    assert users == [who] * 2
    assert containers(remote) == [IMAGE] * 2
    kernel.run("client.close(); pool.close()")


def test_the_service_takes_the_facilitys_word_for_that_user_alone(
    service: TokenService, colleague: Person
) -> None:
    kernel = kernel_of(colleague)
    ca = kubectl("get", "configmap", CA, "--output=json").stdout
    kernel.run(f"site_ca = {json.loads(ca)['data']['ca.pem']!r}\n{ASK}")
    assert kernel.value("", "asked(read('condor_assertion'))") == 200
    assert kernel.value("", "asked(read('access_token'))") == 401
    given = kernel.value("", "read('condor_assertion')")
    head, _, signature = given.split(".")
    claims = jwt.decode(given, options={"verify_signature": False}) | {"unixname": "other"}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert kernel.value("", f"asked({f'{head}.{payload}.{signature}'!r})") == 401
    assert "denied InvalidSignatureError" in service.audit


def test_a_token_service_that_is_away_keeps_nobody_from_a_session(
    service: TokenService, colleague: Person
) -> None:
    service.stop()
    again(colleague)
    kernel = kernel_of(colleague)
    assert kernel.value("", "ping('READ')") is False
    pod = pod_name("session", colleague.account.user)
    said = kubectl("logs", pod, "--container=condor-token").stdout
    assert "the service does not answer" in said
    assert "again in 30 s" in said
