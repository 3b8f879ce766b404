"""Ten users at once, each with a session and two workers on HTCondor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e import facility as operator
from tests.e2e.changes import changed
from tests.e2e.facility import USER_NAME, execute, kubectl, objects, pod_name, rollout, wait_for
from tests.e2e.person import Person, meet
from tests.e2e.server import Server

USERS = [f"user{number}@example.org" for number in range(10)]
KNOWN = ["physicist@example.org", "colleague@example.org", "stranger@example.org"]
# Small, because the ten share one machine with the other tests' servers and their Dask clusters.
PROFILE = {
    "name": "small",
    "title": "Small",
    "cores": 2,
    "coresRequest": 0.02,
    "memory": "2Gi",
    "memoryRequest": "256Mi",
}
POOL = {
    "nodes": {"count": 2, "cores": 2, "coresRequest": 0.01, "memory": "512Mi", "scratch": "2Gi"},
    "worker": {"cores": 1, "memory": "256Mi", "disk": "256Mi"},
}
TOOLS = """
import os, socket, subprocess, time

def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return [done.returncode, done.stdout + done.stderr]

def queue():
    status, said = run("condor_q", "-constraint", "JobStatus < 3", "-af", "ClusterId")
    assert status == 0, said
    return [int(number) for number in said.split()]
"""
START = """
from coffea_casa import CoffeaCasaCluster
from distributed import Client

start = time.monotonic()
pool = CoffeaCasaCluster()
client = Client("tls://localhost:8786")
pool.scale(2)
client.wait_for_workers(2, timeout=500)
total = client.submit(sum, range(100)).result(timeout=60)
seconds = time.monotonic() - start
"""


@dataclass(frozen=True)
class Member:
    """One of the ten: a browser, a kernel and what START said."""

    person: Person
    server: Server
    seconds: float


def work(person: Person) -> Member:
    """Start a user's server and cluster."""
    person.account.start_server()
    server = person.account.start_kernel()
    server.run(TOOLS, seconds=300)
    total, seconds = server.value(START, "[total, seconds]", seconds=700)
    assert total == 4950
    return Member(person, server, seconds)


def nodes(count: int) -> None:
    """Have so many execute nodes."""
    kubectl("scale", "deployment/condor-execute", f"--replicas={count}")
    rollout("condor-execute")


def homes() -> list[str]:
    """Return the names of the ten users' volumes."""
    claims = objects("persistentvolumeclaims")
    owners = {c["metadata"]["name"]: c["metadata"].get("annotations", {}).get(USER_NAME) for c in claims}
    return [name for name, owner in owners.items() if owner in USERS]


@pytest.fixture(scope="module")
def crowd(chromium: Browser, figures: dict[str, Any]) -> Iterator[list[Member]]:
    """All ten with their two workers."""
    with changed(
        identity={"users": [*KNOWN, *USERS]},
        access={"users": ["colleague@example.org", *USERS]},
        session={"profiles": [PROFILE]},
        pool=POOL,
    ):
        # Kubernetes would make the eight more of the old size first, which have no room here.
        nodes(len(USERS))
        facility = operator.facility()
        people = [meet(chromium, facility, user) for user in USERS]
        try:
            start = time.monotonic()
            # Two at a time: ten that start at once keep two cores busy for longer than anybody waits.
            with ThreadPoolExecutor(2) as threads:
                members = list(threads.map(work, people))
            figures["10 sessions started and 2 workers in each (s)"] = round(time.monotonic() - start)
            longest = max(member.seconds for member in members)
            figures["CoffeaCasaCluster() to 2 workers, longest of 10 users (s)"] = round(longest)
            yield members
        finally:
            for person in people:
                person.account.stop_server()
                person.page.context.close()
            kubectl("delete", "persistentvolumeclaims", *homes())
            nodes(2)


def test_each_has_its_own_two_jobs_and_workers(crowd: list[Member]) -> None:
    queues = [member.server.value("", "queue()") for member in crowd]
    assert [len(queue) for queue in queues] == [2] * len(crowd)
    assert len({job for queue in queues for job in queue}) == 2 * len(crowd)
    workers = "list(client.scheduler_info(n_workers=-1)['workers'])"
    addresses = [member.server.value("", workers) for member in crowd]
    assert len({address for own in addresses for address in own}) == 2 * len(crowd)


def test_no_node_works_for_two_of_them(crowd: list[Member]) -> None:
    command = ["condor_q", "-allusers", "-constraint", "JobStatus == 2", "-af", "Owner", "RemoteHost"]
    lines = kubectl("exec", "condor-schedd-0", "--container=schedd", "--", *command).stdout.splitlines()
    pairs = {(owner, host.partition("@")[2]) for owner, host in (line.split() for line in lines)}
    nodes = [node for _, node in pairs]
    assert len({owner for owner, _ in pairs}) == len(crowd)
    assert len(nodes) == len(set(nodes))


def test_nobody_removes_anothers_job(crowd: list[Member]) -> None:
    for member, neighbour in zip(crowd, crowd[1:] + crowd[:1], strict=True):
        job = neighbour.server.value("", "queue()")[0]
        status, said = member.server.value("", f"run('condor_rm', {str(job)!r})")
        assert status != 0, said
        assert job in neighbour.server.value("", "queue()")


def test_nobody_joins_anothers_scheduler(crowd: list[Member]) -> None:
    connect = """
from distributed import Client
try:
    Client("tls://{address}:8786", timeout=10)
    said = "let in"
except OSError as error:
    said = "refused"
"""
    for member, neighbour in zip(crowd[:3], crowd[1:4], strict=True):
        pod = pod_name("session", neighbour.person.account.user)
        address = execute(pod, "hostname", "-i").stdout.strip()
        assert member.server.value(connect.replace("{address}", address), "said", seconds=90) == "refused"


def test_a_dashboard_is_its_owners_alone(crowd: list[Member]) -> None:
    for member, neighbour in zip(crowd, crowd[1:] + crowd[:1], strict=True):
        path = f"{neighbour.server.path}proxy/8785/status"
        assert neighbour.person.account.request("GET", path).status_code == 200
        assert member.person.account.request("GET", path).status_code == 403


def test_all_their_jobs_end_with_their_servers(crowd: list[Member], figures: dict[str, Any]) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(len(crowd)) as threads:
        list(threads.map(lambda member: member.person.account.stop_server(), crowd))
    command = ["condor_q", "-allusers", "-constraint", "JobStatus < 3", "-af", "Owner"]

    def left() -> list[str]:
        said = kubectl("exec", "condor-schedd-0", "--container=schedd", "--", *command).stdout
        return [owner for owner in said.split() if owner.startswith("user")]

    wait_for("the end of the jobs", lambda: not left(), start + 60 - time.monotonic())
    figures["ten servers stopped to no more jobs (s)"] = round(time.monotonic() - start)
