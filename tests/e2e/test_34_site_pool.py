"""Jobs on a site's own HTCondor pool (pool.mode: flock), which knows nobody of the facility's users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import jwt
import pytest

from local.config import NODE_ADDRESS
from tests.e2e.changes import changed, laid_over, up
from tests.e2e.condor import in_schedd, slug
from tests.e2e.facility import execute, kubectl, pod_name, pods, reaches, wait_for
from tests.e2e.person import Person
from tests.e2e.server import Server
from tests.e2e.site_pool import (
    BRIDGE,
    HOST,
    IMAGE,
    PLACE,
    TRUST_DOMAIN,
    Site,
    containers,
    in_universe,
    site_pool,
)

LEVELS = ("READ", "ADVERTISE_MASTER", "ADVERTISE_SCHEDD")
FIRST, LAST = 20000, 20099
SECRET = "site-token"
SITE: dict[str, Any] = {
    "collector": PLACE.there,
    "trustDomain": TRUST_DOMAIN,
    "tokenSecret": SECRET,
    "cidrs": [f"{PLACE.there}/32"],
    "address": NODE_ADDRESS,
    "port": 30618,
    "service": "NodePort",
    "workerPorts": [FIRST, LAST],
}
POOL = {"mode": "flock", "site": SITE | in_universe("container")}
START = """
import os, subprocess, time
from coffea_casa import CoffeaCasaCluster
from distributed import Client

asked = time.monotonic()

def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return [done.returncode, done.stdout + done.stderr]

# The other pool has another access point, which just starts; the client tries to submit only once.
while (answer := run("condor_q"))[0]:
    assert time.monotonic() < asked + 120, answer
    time.sleep(1)
start = time.monotonic()
pool = CoffeaCasaCluster()
client = Client("tls://localhost:8786")
pool.scale(2)
client.wait_for_workers(2, timeout=180)
seconds = time.monotonic() - start
"""


@pytest.fixture(scope="module")
def site(colleague: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site's pool; a wildcard in its DNS leads to the facility's door for Dask."""
    with site_pool(tmp_path_factory.mktemp("site"), f"{slug(colleague)}.dask.localhost") as running:
        yield running


@pytest.fixture(scope="module")
def flocking(site: Site, colleague: Person) -> Iterator[Site]:
    """The facility with the site's one token, and its jobs on their way there."""
    kubectl("delete", "secret", SECRET, "--ignore-not-found")
    kubectl("create", "secret", "generic", SECRET, f"--from-literal=token={site.token(BRIDGE, *LEVELS)}")
    with changed(pool=POOL):
        # A running session goes on with what it was started with.
        colleague.account.stop_server()
        colleague.account.start_server()
        yield site
    kubectl("delete", "secret", SECRET)
    colleague.account.stop_server()
    colleague.account.start_server()


@pytest.fixture(scope="module")
def workers(flocking: Site, colleague: Person, figures: dict[str, Any]) -> Iterator[Server]:
    """The colleague's kernel with two workers at the site."""
    assert flocking
    kernel = colleague.account.start_kernel()
    seconds = kernel.value(START, "seconds", seconds=300)
    figures["CoffeaCasaCluster() to 2 workers at a site's pool (s)"] = round(seconds, 1)
    yield kernel
    kernel.run("client.close(); pool.close()")


def test_no_node_is_the_facilitys_own(flocking: Site) -> None:
    assert flocking
    assert pods("condor-execute") == []


def test_the_site_knows_the_user_and_ran_the_jobs(workers: Server, flocking: Site) -> None:
    who = slug(workers)
    columns = ("Owner", "RemotePool", "RemoteHost")
    told = [line.split() for line in in_schedd("condor_q", "-allusers", "-af", *columns).splitlines()]
    assert len(told) == 2
    for owner, pool, host in told:
        assert owner == who
        assert pool.split(":")[0] == PLACE.there
        assert host.endswith(f"@{HOST}")
    assert busy(flocking).split() == [f"{who}@users.opendata.example.org"] * 2
    submitters = flocking.run("condor_status", "-submitters", "-af", "Name").stdout.split()
    assert f"{who}@users.opendata.example.org" in submitters


def test_they_run_in_containers_of_this_releases_image(workers: Server, flocking: Site) -> None:
    assert containers(flocking) == [IMAGE] * 2
    seen = workers.value("", "list(client.run(lambda: os.path.exists('/.dockerenv')).values())")
    assert seen == [True, True]


def test_they_compute_and_everything_is_encrypted(workers: Server) -> None:
    assert workers.value("", "client.submit(sum, [20, 22]).result(timeout=60)") == 42
    addresses = workers.value("", "[*client.scheduler_info(n_workers=-1)['workers']]")
    assert len(addresses) == 2
    for address in addresses:
        scheme, _, place = address.partition("://")
        host, _, port = place.partition(":")
        assert (scheme, host) == ("tls", PLACE.there)
        assert FIRST <= int(port) <= LAST
    names = workers.value("", "sorted(set(client.run(lambda: os.uname().sysname).values()))")
    assert names == ["Linux"], "the scheduler reaches workers, too"


def test_workers_follow_the_renewals_of_the_users_token(workers: Server) -> None:
    code = """
def token():
    with open(os.environ["BEARER_TOKEN_FILE"]) as file:
        return file.read()
"""
    agreed = "len({token(), *client.run(token).values()}) == 1"
    wait_for("the session's token at the site", lambda: workers.value(code, agreed), 60, pause=5)


def test_the_sites_token_gives_nothing_but_what_it_is_for(flocking: Site) -> None:
    assert flocking

    def may(level: str) -> bool:
        ping = ("condor_ping", "-quiet", "-pool", PLACE.there, "-type", "COLLECTOR", level)
        return kubectl("exec", "condor-schedd-0", "-c", "schedd", "--", *ping, check=False).returncode == 0

    assert all(may(level) for level in LEVELS)
    refused = ("WRITE", "DAEMON", "NEGOTIATOR", "ADMINISTRATOR", "CONFIG", "ADVERTISE_STARTD")
    assert not [level for level in refused if may(level)]


def test_users_hold_nothing_of_the_sites(workers: Server) -> None:
    (pod,) = [
        p for p in pods("session") if p["metadata"]["name"] == pod_name("session", workers.account.user)
    ]
    assert SECRET not in json.dumps(pod)
    text = workers.value("", "open('/etc/cmsaf-secrets/condor_token').read()")
    claims = jwt.decode(text, options={"verify_signature": False})
    assert claims["iss"] == "pool.opendata.example.org"
    said = workers.value("", f"run('condor_ping', '-pool', {PLACE.there!r}, '-type', 'COLLECTOR', 'READ')")
    assert said[0] != 0


def test_a_session_reaches_workers_at_the_site_and_nothing_else_there(workers: Server) -> None:
    pod = pod_name("session", workers.account.user)
    port = int(workers.value("", "list(client.scheduler_info(n_workers=-1)['workers'])[0].rsplit(':', 1)[1]"))
    assert (
        execute(pod, "timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{PLACE.there}/{port}").returncode == 0
    )
    assert execute(pod, "timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{PLACE.there}/9618").returncode
    assert reaches(pod, "condor-schedd", 30618)


def busy(site: Site) -> str:
    """Return for whom the site works now."""
    return site.run("condor_status", "-af", "RemoteUser", "-constraint", 'State == "Claimed"').stdout


def test_a_job_that_is_removed_ends_at_the_site(workers: Server, flocking: Site) -> None:
    workers.run("pool.scale(0)")
    wait_for("an idle site", lambda: not busy(flocking), 60)
    assert containers(flocking) == []


@pytest.mark.parametrize("universe", ["docker", "vanilla"])
def test_the_other_universes_bring_workers_as_well(
    workers: Server, flocking: Site, universe: Literal["docker", "vanilla"]
) -> None:
    # First, while there is an access point to take them back.
    workers.run("client.close(); pool.close()")
    wait_for("the end of the workers before", lambda: not busy(flocking), 60)
    with laid_over({"pool": {"mode": "flock", "site": SITE | in_universe(universe)}}) as overrides:
        up(overrides)
    workers.run(START, seconds=300)
    assert containers(flocking) == ([IMAGE] * 2 if universe == "docker" else [])
    assert workers.value("", "client.submit(sum, [20, 22]).result(timeout=60)") == 42


def test_a_token_for_more_is_refused_and_says_why(flocking: Site) -> None:
    """The sidecar keeps the good one, and its log has the reason."""
    greedy = flocking.token(BRIDGE, *LEVELS, "WRITE")
    patch = json.dumps({"stringData": {"token": greedy}})
    kubectl("patch", "secret", SECRET, "--type=merge", f"--patch={patch}")

    # What is done to a pod has the kubelet look at its Secrets, too; by itself it does so each minute or so.
    kubectl("annotate", "pod", "condor-schedd-0", "looked-at=now", "--overwrite")

    def said() -> bool:
        return "condor:/WRITE" in kubectl("logs", "condor-schedd-0", "--container=site-token").stdout

    # The kubelet's period and the sidecar's.
    wait_for("the refusal", said, 180, pause=5)
    laid = ("exec", "condor-schedd-0", "-c", "site-token", "--", "cat", "/run/secrets/site/tokens.d/site")
    assert greedy not in kubectl(*laid).stdout
