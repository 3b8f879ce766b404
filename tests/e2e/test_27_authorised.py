"""Two caches that want data tokens: who reads, who does not and why, and what happens when one dies."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import origin, samples
from tests.e2e import tokens
from tests.e2e.facility import OVERRIDES, execute, kubectl, pod_name, pulumi, rollout, wait_for
from tests.e2e.person import Person
from tests.e2e.tokens import CACHE, REFUSED, Refused, token

HERE = "--namespace=origin"
RECORDER = Path(__file__).with_name("recorder.py")
SAMPLE = f"{origin.FOLDER}/nano_dy.root"
USER = "physicist-example-org"
FILES = tuple(f"{origin.FOLDER}/shared-{number}.bin" for number in range(8))
LARGE = f"{origin.FOLDER}/under-read.bin"
MIB = 2**20


def recorder() -> list[dict[str, Any]]:
    """Return a relay's objects: it stands between the caches and the origin, whose image it has."""
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    labels, metadata = {"app": "recorder"}, {"name": "recorder", "namespace": "origin"}
    container = {
        "name": "recorder",
        "image": kubectl("get", "deployment/origin", HERE, "--output", image).stdout,
        "imagePullPolicy": "Never",
        "args": ["python3", "/program/recorder.py", "origin", "1094", "/tmp/record"],
        "readinessProbe": {"tcpSocket": {"port": 1094}, "periodSeconds": 1},
        "volumeMounts": [
            {"name": "program", "mountPath": "/program"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    volumes = [{"name": "program", "configMap": {"name": "recorder"}}, {"name": "tmp", "emptyDir": {}}]
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"recorder.py": RECORDER.read_text()},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "labels": labels},
            "spec": {"containers": [container], "volumes": volumes},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 1094}]},
        },
    ]


def settle() -> None:
    """Wait until everything that a change of the cache's settings touches is there."""
    for workload in ("statefulset/xcache", "deployment/hub", "deployment/credentials"):
        kubectl("rollout", "status", workload, "--timeout=300s")


@pytest.fixture(scope="module", autouse=True)
def authorised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The facility with two caches that want tokens; afterwards it is as it was."""
    objects = {"apiVersion": "v1", "kind": "List", "items": recorder()}
    kubectl("apply", HERE, "--filename=-", stdin=json.dumps(objects))
    kubectl("wait", "--for=condition=Ready", "pod/recorder", HERE, "--timeout=60s")
    settings = yaml.safe_load(OVERRIDES.read_text())
    relayed = "recorder.origin.svc.cluster.local"
    settings["config"]["coffea-casa:xcache"] = {"mode": "authorised", "replicas": 2, "origin": relayed}
    overrides = tmp_path_factory.mktemp("authorised") / "overrides.yaml"
    overrides.write_text(yaml.safe_dump(settings))
    pulumi("up", "--yes", "--skip-preview", overrides=overrides)
    settle()
    rollout("xcache-redirector")
    yield
    pulumi("up", "--yes", "--skip-preview")
    settle()
    kubectl("delete", "pod/recorder", "service/recorder", "configmap/recorder", HERE, "--grace-period=1")


@pytest.fixture(scope="module")
def session(colleague: Person) -> str:
    """The pod of a running session."""
    return pod_name("session", colleague.account.user)


def give(pod: str, text: str, mode: str = "600") -> str:
    """Put a token in a session beside its own; return the file's path."""
    file = f"/tmp/token-{hashlib.sha256((text + mode).encode()).hexdigest()[:12]}"
    script = f"umask 077; cat >{file}; chmod {mode} {file}"
    kubectl("exec", "--stdin", pod, "--", "sh", "-c", script, stdin=text)
    return file


def client(pod: str, *words: str, file: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run an XRootD client as the session's user does, with another token where ``file`` names one."""
    # Sessions that started before the cache wanted tokens show no reasons yet.
    variables = ["XRD_LOGLEVEL=Error", *([f"BEARER_TOKEN_FILE={file}"] if file else [])]
    return execute(pod, "env", *variables, "timeout", "120", *words)


def copy(pod: str, path: str, file: str | None = None) -> subprocess.CompletedProcess[str]:
    """Copy a file through the cache."""
    return client(pod, "xrdcp", "-f", "-s", f"root://{CACHE}/{path}", "/tmp/copy", file=file)


def digest(pod: str) -> str:
    return execute(pod, "sha256sum", "/tmp/copy").stdout.split()[0]


def cached(pod: str) -> set[str]:
    """Return the files of the origin's folder that a cache has."""
    listed = execute(
        pod, "find", f"/cache/names{origin.FOLDER}", "-type", "l", "-not", "-name", "*.cinfo"
    ).stdout
    return {line.removeprefix("/cache/names") for line in listed.split()}


def test_a_session_reads_with_its_own_token_and_no_step_by_its_user(session: str) -> None:
    done = copy(session, SAMPLE)
    assert done.returncode == 0, done.stderr
    assert digest(session) == samples.SHA256["nano_dy.root"]


def test_uproot_reads_with_it_too(session: str) -> None:
    program = f"import uproot; print(uproot.open('root://{CACHE}/{SAMPLE}')['Events'].num_entries)"
    done = execute(session, "python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_token_that_is_not_good_is_refused_with_the_reason(session: str, case: Refused) -> None:
    done = copy(session, SAMPLE, give(session, case.make()))
    assert done.returncode
    assert re.search(case.reason, done.stderr), done.stderr


def test_without_a_token_nobody_is_let_in(session: str) -> None:
    done = copy(session, SAMPLE, "/tmp/there-is-no-such-token")
    assert done.returncode
    assert "Auth failed" in done.stderr


def test_a_token_that_a_group_may_read_is_not_used_and_the_helper_says_so(session: str) -> None:
    file = give(session, token(), "640")
    done = copy(session, SAMPLE, file)
    assert done.returncode
    assert "Auth failed" in done.stderr
    told = client(session, "python", "-c", f"import xcache; xcache.url('{SAMPLE}')", file=file)
    assert "has mode 0640" in told.stderr
    assert copy(session, SAMPLE, give(session, token())).returncode == 0


def test_the_audience_of_everybody_is_taken_whatever_is_configured(session: str) -> None:
    # Known of the library, and why the facility never signs such a token and refuses to be set up so.
    assert copy(session, SAMPLE, give(session, token(aud=tokens.ANYBODY))).returncode == 0


def test_a_path_of_ones_own_is_closed_to_the_tokens_of_others(session: str) -> None:
    path = f"/eos/opendata/users/{USER}/file.root"
    other = copy(session, path, give(session, token(scope="storage.read:/eos/opendata/users/colleague")))
    assert "permission denied" in other.stderr
    own = copy(session, path, give(session, token(scope=f"storage.read:/eos/opendata/users/{USER}")))
    # There is no such file: it was looked for.
    assert re.search(r"not found|no such file|unable to locate", own.stderr, re.I), own.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("xrdcp", "-f", "/etc/hostname", f"root://{CACHE}/{origin.FOLDER}/mine.root"),
        ("xrdfs", CACHE, "rm", SAMPLE),
        ("xrdfs", CACHE, "mkdir", "/eos/opendata/mine"),
        ("xrdfs", CACHE, "mv", SAMPLE, f"{SAMPLE}.mine"),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_no_token_allows_to_write(session: str, words: tuple[str, ...]) -> None:
    everything = "storage.read:/ storage.create:/ storage.modify:/"
    done = client(session, *words, file=give(session, token(scope=everything)))
    assert done.returncode
    assert re.search(
        r"denied|read-only|not permitted|write access|not found", done.stderr + done.stdout, re.I
    ), done.stderr


def test_a_directory_of_which_something_is_cached_cannot_be_listed(session: str) -> None:
    assert copy(session, SAMPLE).returncode == 0
    done = client(session, "xrdfs", CACHE, "ls", origin.FOLDER)
    assert done.returncode
    assert "is a directory" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def shared_files() -> Iterator[dict[str, str]]:
    """New files at the origin, path to SHA-256."""
    made: dict[str, str] = {}
    for path in (*FILES, LARGE):
        content = os.urandom(2**20) * (256 if path == LARGE else 4)
        (origin.data() / path.lstrip("/")).write_bytes(content)
        made[path] = hashlib.sha256(content).hexdigest()
    yield made
    for path in made:
        (origin.data() / path.lstrip("/")).unlink()


def read_at_once(pod: str, paths: tuple[str, ...], *options: str) -> list[tuple[int, str]]:
    """Read files at the same time; return each one's status and SHA-256, or what was said."""

    def read(path: str) -> tuple[int, str]:
        words = " ".join(("xrdcp", "-s", *options, f"root://{CACHE}/{path}", "-"))
        script = f"set -o pipefail; {words} | sha256sum"
        done = execute(pod, "env", "XRD_LOGLEVEL=Error", "timeout", "180", "bash", "-c", script)
        return done.returncode, done.stderr if done.returncode else done.stdout.split()[0]

    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(read, paths))


def test_each_file_is_fetched_by_one_cache_however_many_ask(
    session: str, shared_files: dict[str, str]
) -> None:
    wanted = FILES * 2
    assert read_at_once(session, wanted) == [(0, shared_files[path]) for path in wanted]
    first, second = (cached(f"xcache-{number}") & set(FILES) for number in (0, 1))
    assert first | second == set(FILES)
    assert not first & second
    assert first
    assert second


def test_what_the_origin_was_sent_holds_no_token(session: str, shared_files: dict[str, str]) -> None:
    assert shared_files
    mine = token()
    assert copy(session, f"{origin.FOLDER}/nano_dimuon.root", give(session, mine)).returncode == 0
    show = "print(open('/tmp/record', 'rb').read())"
    found = kubectl("exec", "recorder", HERE, "--", "python3", "-c", show).stdout
    # It was asked, and in nobody's name: neither this token is there nor any other.
    assert "nano_dimuon.root" in found
    for secret in (*mine.split("."), "eyJ", "Bearer", "authz"):
        assert secret not in found


def test_readers_of_a_cache_that_dies_finish(session: str, shared_files: dict[str, str]) -> None:
    def holder() -> str | None:
        return next((f"xcache-{number}" for number in (0, 1) if LARGE in cached(f"xcache-{number}")), None)

    with ThreadPoolExecutor(1) as thread:
        # 256 MiB take 13 s at this rate.
        reading = thread.submit(read_at_once, session, (LARGE,) * 3, "--xrate", "20m")
        doomed = wait_for("a cache to hold the file", holder, 30, 0.2)
        kubectl("delete", "pod", doomed, "--grace-period=1")
        assert reading.result(240) == [(0, shared_files[LARGE])] * 3
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=120s")


def test_a_cache_that_came_back_has_its_name_and_its_files(
    session: str, shared_files: dict[str, str]
) -> None:
    def mine() -> set[str]:
        return cached("xcache-0") & set(FILES)

    kept = mine()
    kubectl("delete", "pod", "xcache-0")
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=120s")
    # Redirected by address, a reader would find that in no certificate.
    assert read_at_once(session, FILES) == [(0, shared_files[path]) for path in FILES]
    assert mine() == kept
