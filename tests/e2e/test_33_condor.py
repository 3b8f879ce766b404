"""The unmodified CoffeaCasaCluster on the facility's own HTCondor, and what its users may not do."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from local import origin, samples
from services.credentials.idtoken import KEY_ID, PoolKey
from tests.e2e.changes import hub_is_there
from tests.e2e.condor import in_schedd, owners, slug
from tests.e2e.facility import (
    execute,
    kubectl,
    objects,
    pod_name,
    pods,
    reaches,
    rollout,
    wait_for,
)
from tests.e2e.person import Person
from tests.e2e.samples import dimuon_counts
from tests.e2e.server import ANALYSIS, KernelError, Server

DATASETS = {"dimuon": "nano_dimuon.root", "dy": "nano_dy.root"}
TRUST_DOMAIN, UID_DOMAIN = "pool.opendata.example.org", "users.opendata.example.org"
TOOLS = """
import os, subprocess, time

def run(*words, **variables):
    environment = os.environ | {f"_CONDOR_{name}": value for name, value in variables.items()}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)
    return [done.returncode, done.stdout + done.stderr]

def queue():
    # Removed jobs stay until their node has heard of it.
    status, said = run("condor_q", "-constraint", "JobStatus < 3", "-af", "ClusterId")
    assert status == 0, said
    return [int(number) for number in said.split()]

def submit(command, *words, **directives):
    lines = {
        "executable": "/bin/sh", "transfer_executable": "False", "arguments": f"\\"-c '{command}'\\"",
        "request_memory": "64", "request_disk": "1024", "output": "job.out", "error": "job.err",
    } | directives
    with open("job.sub", "w") as file:
        file.write("".join(f"{key} = {value}\\n" for key, value in lines.items()) + "queue\\n")
    return run("condor_submit", *words, "job.sub")
"""
FIRST_TOKEN = """
import htcondor2

with open("/etc/cmsaf-secrets/condor_token") as file:
    first_token = file.read().strip()
"""
START = """
from coffea_casa import CoffeaCasaCluster
from distributed import Client

start = time.monotonic()
pool = CoffeaCasaCluster()
client = Client("tls://localhost:8786")
pool.scale(4)
client.wait_for_workers(4, timeout=180)
seconds = time.monotonic() - start
"""
ANALYSE = f"""
import importlib, dimuon, xcache
importlib.reload(dimuon)

start = time.monotonic()
files = {{name: xcache.url(f"{origin.FOLDER}/{{file}}") for name, file in {DATASETS!r}.items()}}
histograms = dimuon.analyse(client, files)
analysis_seconds = time.monotonic() - start
counts = {{name: histogram.values().astype(int).tolist() for name, histogram in histograms.items()}}
"""
ANSWERS = "run('condor_q')[0] == 0"
WORKERS = "len(client.scheduler_info(n_workers=-1)['workers'])"


def minted(
    subject: str, scope: str, *, seconds: int = 600, issuer: str = TRUST_DOMAIN, key: bytes = b""
) -> str:
    """Return a token as anybody with a key could make one; without ``key`` that is the pool's."""
    (secret,) = [one for one in objects("secrets") if one["metadata"]["name"] == "condor-key"]
    pool_key = PoolKey.load(key or base64.b64decode(secret["data"]["pool.key"]))
    now = int(time.time())
    claims = {"iss": issuer, "sub": subject, "iat": now, "exp": now + seconds, "jti": uuid.uuid4().hex}
    claims["scope"] = " ".join(f"condor:/{level}" for level in scope.split())
    return jwt.encode(claims, pool_key.key, "HS256", headers={"kid": KEY_ID})


@pytest.fixture(scope="module")
def kernel(notebook: Server) -> Server:
    """Another kernel of the first user's, with a few helpers."""
    server = notebook.account.start_kernel()
    server.run(TOOLS + FIRST_TOKEN)
    return server


@pytest.fixture(scope="module")
def others(colleague: Person) -> Server:
    """A kernel of the colleague's."""
    server = colleague.account.start_kernel()
    server.run(TOOLS)
    return server


@pytest.fixture(scope="module")
def workers(kernel: Server, figures: dict[str, Any]) -> Iterator[Server]:
    """The kernel, with `pool` and `client`: four workers."""
    for file in (ANALYSIS, *samples.fetch().values()):
        kernel.upload(file)
    seconds = kernel.value(START, "seconds", seconds=300)
    figures["CoffeaCasaCluster() to 4 workers on HTCondor (s)"] = round(seconds, 1)
    yield kernel
    kernel.run("client.close(); pool.close()")


@pytest.fixture(scope="module")
def expected() -> dict[str, list[int]]:
    """Counts by a calculation that shares no code with the analysis."""
    files = samples.fetch()
    return {name: dimuon_counts(files[file]) for name, file in DATASETS.items()}


def test_both_nodes_are_there(kernel: Server) -> None:
    nodes = kernel.value("", "run('condor_status', '-af', 'Machine', '-constraint', 'PartitionableSlot')")
    assert nodes[0] == 0, nodes
    assert len(set(nodes[1].split())) == len(pods("condor-execute")) == 2


def test_workers_are_jobs_of_the_user(workers: Server) -> None:
    assert owners().count(slug(workers)) == 4
    hosts = workers.value("", "sorted(set(client.run(lambda: os.uname().nodename).values()))")
    assert hosts == sorted(pod["metadata"]["name"] for pod in pods("condor-execute"))


def test_everything_between_them_is_encrypted(workers: Server) -> None:
    addresses = workers.value(
        "", "[client.scheduler.address, *client.scheduler_info(n_workers=-1)['workers']]"
    )
    assert len(addresses) == 5
    assert all(address.startswith("tls://") for address in addresses)


def test_the_analysis_equals_an_independent_calculation(
    workers: Server, expected: dict[str, list[int]], figures: dict[str, Any]
) -> None:
    counts, seconds = workers.value(ANALYSE, "[counts, analysis_seconds]", seconds=600)
    figures["dimuon analysis on 4 workers on HTCondor (s)"] = round(seconds, 1)
    assert counts == expected


def test_workers_have_the_users_token_and_follow_its_renewals(workers: Server) -> None:
    code = """
def token():
    with open(os.environ["BEARER_TOKEN_FILE"]) as file:
        return [file.read(), oct(os.fstat(file.fileno()).st_mode & 0o777)]
"""
    workers.run(code)

    def agreed(other_than: str) -> str | None:
        own, theirs = workers.value("", "[token(), list(client.run(token).values())]")
        assert {mode for _, mode in theirs} == {"0o600"}
        assert len(theirs) == 4
        return own[0] if own[0] != other_than and {text for text, _ in theirs} == {own[0]} else None

    first = wait_for("the session's token in all workers", lambda: agreed(""), 30)
    # A quarter of the shortest life, the hub's look and the kubelet's.
    wait_for("a new token in all workers", lambda: agreed(first), 75 + 30 + 90 + 15, pause=5)


def test_a_removed_job_and_a_killed_node_do_not_stop_an_analysis(
    workers: Server, expected: dict[str, list[int]]
) -> None:
    workers.run("""
def square(x):
    time.sleep(0.25)
    return x * x

pool.adapt(minimum=4, maximum=4)
futures = client.map(square, range(400), pure=False)
""")
    time.sleep(3)
    status, said = workers.value("", "run('condor_rm', str(queue()[0]))")
    assert status == 0, said
    kubectl("delete", "pod", pod_name("condor-execute"), "--grace-period=0", "--force")
    assert workers.value("", "sum(client.gather(futures))", seconds=300) == sum(x * x for x in range(400))
    assert workers.value(ANALYSE, "counts", seconds=600) == expected
    rollout("condor-execute")


def test_a_drained_node_gives_its_jobs_back(workers: Server) -> None:
    # Dask gives a worker up that was away for 15 s (lost-worker-timeout); adapt() asks for no other while its
    # target stays the same, and scale() does.
    wait_for("four workers", lambda: workers.value("pool.scale(4)", WORKERS) == 4, 180)
    start = time.monotonic()
    kubectl("delete", "pod", pod_name("condor-execute"))
    assert time.monotonic() - start < 50, "it was killed, not drained"
    rollout("condor-execute")
    wait_for("four workers again", lambda: workers.value("pool.scale(4)", WORKERS) == 4, 180)


def test_workers_come_and_go_with_the_work(workers: Server) -> None:
    workers.run("pool.adapt(minimum=1, maximum=4)")
    wait_for("one worker", lambda: workers.value("", WORKERS) == 1, 120)
    workers.run("futures = client.map(square, range(600), pure=False)")
    wait_for("four workers", lambda: workers.value("", WORKERS) == 4, 120)
    workers.run("client.gather(futures); del futures; pool.adapt(minimum=0, maximum=4)", seconds=300)
    wait_for("no worker", lambda: workers.value("", WORKERS) == 0, 120)
    wait_for("no job", lambda: slug(workers) not in owners(), 60)
    workers.run("pool.adapt(minimum=1, maximum=1); client.wait_for_workers(1, timeout=120)", seconds=150)


def test_the_access_points_restart_keeps_the_queue_and_what_runs(workers: Server) -> None:
    before = workers.value("", "[queue(), list(client.scheduler_info(n_workers=-1)['workers'])]")
    kubectl("delete", "pod", "condor-schedd-0")
    kubectl("rollout", "status", "statefulset/condor-schedd", "--timeout=120s")
    wait_for("the queue", lambda: workers.value("", ANSWERS), 90)
    after = workers.value("", "[queue(), list(client.scheduler_info(n_workers=-1)['workers'])]")
    assert after == before, in_schedd("tail", "--lines=60", "/run/condor/log/ShadowLog")
    assert workers.value("", "client.submit(sum, [20, 22]).result(timeout=60)") == 42


def test_the_central_managers_restart_heals(workers: Server) -> None:
    kubectl("delete", "pod", pod_name("condor-manager"))
    rollout("condor-manager")
    # The access point tells the new one of itself every 20 s; until then nobody finds it to submit.
    wait_for("the queue", lambda: workers.value("", ANSWERS), 60)
    workers.run("pool.adapt(minimum=3, maximum=3); client.wait_for_workers(3, timeout=180)", seconds=200)


@pytest.mark.parametrize("container", ["schedd", "manager"])
def test_a_container_that_ends_starts_again_in_its_pod(workers: Server, container: str) -> None:
    name = pod_name(f"condor-{container}")

    def starts() -> tuple[int, bool]:
        status = json.loads(kubectl("get", "pod", name, "--output=json").stdout)["status"]
        (held,) = [one for one in status["containerStatuses"] if one["name"] == container]
        return held["restartCount"], held["ready"]

    before, _ = starts()
    # SIGQUIT: HTCondor's fast shut-down.
    kubectl("exec", name, f"--container={container}", "--", "sh", "-c", "kill -QUIT 1")
    wait_for("the container's second start", lambda: starts() == (before + 1, True), 120)
    wait_for("the queue", lambda: workers.value("", ANSWERS), 90)


def test_another_user_neither_removes_nor_changes_a_job(workers: Server, others: Server) -> None:
    job = str(workers.value("", "queue()")[0])
    assert others.value("", "queue()") == []
    for words in (["condor_rm", job], ["condor_hold", job], ["condor_qedit", job, "JobPrio", "5"]):
        status, said = others.value("", f"run(*{words!r})")
        assert status != 0, said
    assert int(job) in workers.value("", "queue()")


TOKEN = """
def with_token(token, mode, *words):
    os.makedirs("tokens", exist_ok=True)
    with open("tokens/one", "w") as file:
        file.write(token + "\\n")
    os.chmod("tokens/one", mode)
    return run(*words, SEC_TOKEN_DIRECTORY=os.path.abspath("tokens"))
"""
PING = "'condor_ping', '-quiet', '-type', 'SCHEDD'"


def may(server: Server, token: str, level: str, mode: int = 0o600) -> bool:
    """Tell whether the access point grants a level to a token."""
    status, _ = server.value(TOKEN, f"with_token({token!r}, {mode}, {PING}, {level!r})")
    return status == 0


def test_a_token_is_taken_and_gives_no_more_than_it_says(kernel: Server) -> None:
    user = f"{slug(kernel)}@{UID_DOMAIN}"
    token = minted(user, "READ WRITE ADMINISTRATOR DAEMON NEGOTIATOR")
    assert may(kernel, token, "READ")
    assert may(kernel, token, "WRITE")
    for level in ("ADMINISTRATOR", "DAEMON", "NEGOTIATOR", "CONFIG", "ADVERTISE_STARTD"):
        assert not may(kernel, token, level)
    assert not may(kernel, minted(user, "READ"), "WRITE")


def test_htcondors_own_token_is_taken_as_ours_are(kernel: Server) -> None:
    command = ["condor_token_create", "-identity", f"{slug(kernel)}@{UID_DOMAIN}", "-lifetime", "600"]
    assert may(kernel, in_schedd(*command, "-authz", "READ", "-authz", "WRITE").strip(), "WRITE")


@pytest.mark.parametrize(
    ("wrong", "mode"),
    [
        ({"key": b"k" * 64}, 0o600),
        ({"seconds": -10}, 0o600),
        ({"issuer": UID_DOMAIN}, 0o600),
        ({"user": f"somebody@{TRUST_DOMAIN}"}, 0o600),
        ({"user": f"root@{UID_DOMAIN}"}, 0o600),
        ({}, 0o640),
    ],
    ids=["key", "expired", "issuer", "domain", "root", "others may read it"],
)
def test_a_wrong_token_is_refused(kernel: Server, wrong: dict[str, Any], mode: int) -> None:
    user = wrong.pop("user", f"{slug(kernel)}@{UID_DOMAIN}")
    token = minted(user, "READ WRITE", **wrong)
    assert not may(kernel, token, "READ", mode)


def test_the_sessions_token_is_the_users_own_and_short_lived(kernel: Server) -> None:
    text = kernel.value("", "open('/etc/cmsaf-secrets/condor_token').read()")
    claims = jwt.decode(text, options={"verify_signature": False})
    assert claims["sub"] == f"{slug(kernel)}@{UID_DOMAIN}"
    assert claims["scope"] == "condor:/READ condor:/WRITE"
    assert 0 < claims["exp"] - time.time() <= 300


def test_a_kernel_outlives_the_token_it_started_with(kernel: Server) -> None:
    first = kernel.value("", "first_token")
    ends = jwt.decode(first, options={"verify_signature": False})["exp"]
    wait_for("the first token's end", lambda: time.time() > ends + 10, 320, pause=5)
    assert not may(kernel, first, "READ")
    assert kernel.value("", ANSWERS)
    # HTCondor's library in the kernel itself, which was loaded while the first token was good.
    assert isinstance(kernel.value("", "len(htcondor2.Schedd().query())"), int)


def test_a_plain_job_runs_and_its_output_comes_back(kernel: Server) -> None:
    status, said = kernel.value(
        "", "submit('id -u; cat job.sub | wc -l', '-spool', transfer_input_files='job.sub')"
    )
    assert status == 0, said
    wait_for(
        "the job's end",
        lambda: kernel.value("", "run('condor_q', '-constraint', 'JobStatus == 4', '-af', 'ClusterId')[1]"),
        120,
    )
    kernel.run("assert run('condor_transfer_data', '-all')[0] == 0")
    assert kernel.value("", "open('job.out').read().split()[0]") == "1000"
    kernel.run("run('condor_rm', '-all')")


@pytest.mark.parametrize(
    ("words", "directives", "refusal"),
    [
        ((), {"transfer_input_files": "/run/condor/keys/POOL"}, "use condor_submit -spool"),
        (("-spool",), {"universe": "local"}, "vanilla universe only"),
        (("-spool",), {"+DaskSchedulerAddress": '"tcp://session:8786"'}, "without TLS gets no workers"),
        (("-spool",), {"+DAGManNodesLog": '"/run/condor/keys/POOL"'}, "access point's own files"),
    ],
    ids=["files of the access point", "universe", "plain Dask", "log"],
)
def test_jobs_that_would_reach_the_access_point_itself_are_refused(
    kernel: Server, words: tuple[str, ...], directives: dict[str, str], refusal: str
) -> None:
    # condor_submit looks for the files by itself first, unless told not to.
    status, said = kernel.value("", f"submit('true', '-disable', *{words!r}, **{directives!r})")
    assert status != 0
    assert refusal in said


def test_dask_does_not_start_in_clear(others: Server) -> None:
    with pytest.raises(KernelError, match="RuntimeError"):
        others.run(
            "from coffea_casa import CoffeaCasaCluster\nCoffeaCasaCluster(force_tcp=True)", seconds=120
        )


@pytest.fixture
def room(workers: Server) -> None:
    """A node that is free: each works for one user at a time."""
    workers.run("pool.adapt(minimum=1, maximum=1)")
    wait_for("one worker", lambda: workers.value("", WORKERS) == 1, 120)


TOLD = """
import sys

PROGRAM = '''
import time
from coffea_casa import CoffeaCasaCluster

pool = CoffeaCasaCluster()
pool.scale(1)
time.sleep(5)
'''

def told(**variables):
    command, environment = [sys.executable, "-c", PROGRAM], os.environ | variables
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment).stderr
"""


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PATH": "/opt/venv/bin"}, "condor_submit is not on PATH: CoffeaCasaCluster will get no workers."),
        ({"_CONDOR_SCHEDD_HOST": "schedd@nowhere"}, "ERROR: Can't find address of local schedd"),
    ],
    ids=["no condor_submit", "no access point"],
)
def test_a_cluster_that_cannot_submit_says_so(
    others: Server, variables: dict[str, str], sentence: str
) -> None:
    assert sentence in others.value(TOLD, f"told(**{variables!r})")


@pytest.mark.usefixtures("room")
def test_workers_that_could_not_be_asked_for_come_when_it_is_scaled_again(others: Server) -> None:
    others.run("""
from coffea_casa import CoffeaCasaCluster

pool = CoffeaCasaCluster()
os.environ["_CONDOR_SCHEDD_HOST"] = "schedd@nowhere"
pool.scale(1)
time.sleep(3)
del os.environ["_CONDOR_SCHEDD_HOST"]
""")
    workers = "len(pool.scheduler_info['workers'])"
    try:
        assert others.value("", "queue()") == []
        # Dask looks later what is to do: two changes in one go, and it would see none.
        others.run("pool.scale(0)")
        wait_for("the worker to be given up", lambda: others.value("", "len(pool.workers)") == 0, 30)
        others.run("pool.scale(1)")
        wait_for("a worker", lambda: others.value("", workers) == 1, 120)
    finally:
        # Dask may say of the first worker that it was never started.
        others.run("import contextlib\nwith contextlib.suppress(AssertionError):\n    pool.close()")
    wait_for("no job", lambda: others.value("", "queue()") == [], 60)


def test_an_execute_node_does_not_have_the_pools_key() -> None:
    node = pod_name("condor-execute")
    found = execute(
        node, "sh", "-c", "find / -name 'POOL' -o -name pool.key 2>/dev/null; ls /run/secrets/node/tokens.d"
    )
    assert found.stdout.split() == ["node"]
    token = execute(node, "cat", "/run/secrets/node/tokens.d/node").stdout.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == f"execute@{TRUST_DOMAIN}"
    levels = {level.removeprefix("condor:/") for level in claims["scope"].split()}
    assert levels == {"READ", "ADVERTISE_MASTER", "ADVERTISE_STARTD"}


def test_a_node_reaches_its_own_and_nobody_else(workers: Server) -> None:
    node = pod_name("condor-execute")
    session = f"{slug(workers)}.sessions"
    assert reaches(node, session, 8786)
    assert reaches(node, "condor-manager", 9618)
    assert not reaches(node, session, 8888)
    assert not reaches(node, "hub", 8081)
    assert not reaches(node, "credentials", 8443)


@pytest.mark.usefixtures("room")
def test_a_stopped_server_ends_its_cluster_and_jobs_within_a_minute(
    colleague: Person, others: Server, figures: dict[str, Any]
) -> None:
    others.run(START.replace("scale(4)", "scale(1)").replace("workers(4", "workers(1"), seconds=300)
    who = slug(others)
    assert who in owners()
    colleague.account.stop_server()
    start = time.monotonic()
    wait_for("the end of the colleague's jobs", lambda: who not in owners(), 60)
    figures["server stopped to no more jobs (s)"] = round(time.monotonic() - start, 1)
    colleague.account.start_server()


@pytest.mark.usefixtures("room")
def test_a_session_that_vanishes_while_the_hub_is_away_leaves_no_jobs(colleague: Person) -> None:
    server = colleague.account.start_kernel()
    server.run(TOOLS)
    # More than there is room for: one that waits would start later, for nobody.
    server.run(START.replace("scale(4)", "scale(8)").replace("workers(4", "workers(1"), seconds=300)
    who, pod = slug(server), pod_name("session", colleague.account.user)
    kubectl("scale", "deployment/hub", "--replicas=0")
    try:
        kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        wait_for("the end of the colleague's jobs", lambda: who not in owners(), 60)
    finally:
        kubectl("scale", "deployment/hub", "--replicas=1")
        hub_is_there()
        wait_for(
            "the hub to know that the server has gone",
            lambda: not colleague.account.get(colleague.account.hub_path).get("servers"),
            120,
        )
        colleague.account.start_server()


def test_no_secret_is_in_the_daemons_logs() -> None:
    for component in ("condor-manager", "condor-schedd", "condor-execute"):
        said = kubectl(
            "logs", f"--selector=app.kubernetes.io/component={component}", "--all-containers", "--tail=-1"
        )
        assert "eyJ" not in said.stdout
        assert "PRIVATE KEY" not in said.stdout
    assert json.loads(kubectl("get", "configmap", "condor-config-schedd", "--output=json").stdout)["data"]
