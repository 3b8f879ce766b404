"""Two caches that ask for tokens, behind a redirector: who may read what, and what readers are told."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local import origin, samples
from services.credentials.keys import SigningKey
from tests.e2e import reader, tokens
from tests.e2e.capture import listening, process
from tests.e2e.changes import changed, laid_over, up
from tests.e2e.facility import execute, kubectl, objects, pod_name, rollout, wait_for
from tests.e2e.reader import OWN, put, run
from tests.e2e.samples import dimuon_counts
from tests.e2e.server import ANALYSIS, Server

CACHE = "root://xcache.opendata.svc.cluster.local/"
FOLDER = origin.FOLDER
FILE = f"{CACHE}/{FOLDER}/nano_dy.root"
CACHES = ("xcache-0", "xcache-1")
LIFETIME = 300
"""Seconds a token lives; overrides.yaml says so."""
AUTHORISED = {"mode": "authorised", "replicas": 2}


@pytest.fixture(scope="module", autouse=True)
def authorised() -> Iterator[None]:
    """The facility's caches as this file is about; afterwards there is the one cache for everybody again."""
    with changed(xcache=AUTHORISED):
        settled()
        yield
    settled()


def settled() -> None:
    """Wait until all caches are the new ones."""
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=180s")
    for deployment in objects("deployments"):
        rollout(deployment["metadata"]["name"])


@pytest.fixture(scope="module")
def session(authorised: None, notebook: Server) -> str:
    """The first user's session pod."""
    return pod_name("session", notebook.account.user)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return tokens.facility_key()


def read(session: str, token_file: str = OWN, file: str = FILE) -> tuple[int, str]:
    """Read a whole file."""
    return reader.read(session, file, token_file)


# Who reads


DATASETS = {"dimuon": "nano_dimuon.root", "dy": "nano_dy.root"}
ANALYSE = f"""
import importlib, dimuon, xcache
importlib.reload(dimuon)
files = {{name: xcache.url(f"{FOLDER}/{{file}}") for name, file in {DATASETS!r}.items()}}
histograms = dimuon.analyse(client, files)
counts = {{name: histogram.values().astype(int).tolist() for name, histogram in histograms.items()}}
"""


def test_workers_analyse_without_a_step_by_the_user(session: str, notebook: Server, cluster: str) -> None:
    assert session
    assert cluster
    notebook.upload(ANALYSIS)
    counts = notebook.value(ANALYSE, "counts", seconds=600)
    files = samples.fetch()
    assert counts == {name: dimuon_counts(files[file]) for name, file in DATASETS.items()}


def ended() -> dict[str, int]:
    """Return the times of a token whose life is over."""
    now = int(time.time())
    return {"iat": now - 900, "nbf": now - 900, "exp": now - 60}


def to_come() -> dict[str, int]:
    """Return the times of a token whose life has not begun."""
    now = int(time.time())
    return {"nbf": now + 3000, "exp": now + 6000}


def changed_to(**claims: Any) -> Callable[[SigningKey], str]:
    """Return what makes a token that is good but for some claims."""
    return lambda key: tokens.signed(key, **claims)


DENIED = "permission denied"
REFUSED: dict[str, tuple[Callable[[SigningKey], str], str]] = {
    "expired": (lambda key: tokens.signed(key, **ended()), "token expired"),
    "not yet valid": (lambda key: tokens.signed(key, **to_come()), "token expired"),
    "for another cache": (changed_to(aud="https://xcache.example.org:1094"), DENIED),
    "for another path": (changed_to(scope="storage.read:/eos/opendata/users/bob"), DENIED),
    "for a path that begins alike": (changed_to(scope=f"storage.read:{FOLDER}/nano"), DENIED),
    "for writing": (changed_to(scope="storage.create:/"), DENIED),
    "without an audience": (changed_to(aud=None), "failed|denied"),
    "without an end": (changed_to(exp=None), "failed|denied"),
    "of an unknown issuer": (changed_to(iss="https://a.example.org"), "not in list of allowed issuers"),
    "of an unknown key": (tokens.with_unknown_key, "invalid signature"),
    "of an unpublished key": (lambda _: tokens.with_unknown_number(), "Key ID is not published"),
    "without a signature": (tokens.unsigned, "wrong algorithm"),
    "signed with the public key": (tokens.with_public_key_as_password, "wrong algorithm"),
    "nonsense": (lambda _: "nonsense", "invalid token"),
}
"""Kind of token to what makes it, and what the user reads. XRootD says "expired" of those to come as well."""


@pytest.mark.parametrize("kind", REFUSED)
def test_a_wrong_token_is_refused_with_its_reason(session: str, key: SigningKey, kind: str) -> None:
    make, reason = REFUSED[kind]
    status, said = read(session, put(session, make(key)))
    assert status != 0
    assert re.search(reason, said), said


def test_a_token_of_the_same_key_that_is_right_is_taken(session: str, key: SigningKey) -> None:
    assert read(session, put(session, tokens.signed(key))) == (0, "")


def test_without_a_token_nothing_is_read(session: str) -> None:
    status, said = read(session, "/tmp/no-such-file")
    assert status != 0
    assert "No protocols left to try" in said


def test_a_token_that_others_may_read_is_not_used_and_the_user_is_told_why(
    session: str, key: SigningKey
) -> None:
    file = put(session, tokens.signed(key), mode="640")
    assert read(session, file)[0] != 0
    status, said = run(session, "python", "-c", "import xcache; xcache.url('/x')", token_file=file)
    assert status == 0
    assert f"{file} may be read by others (mode 640)" in said
    assert f"chmod 600 {file}" in said


def test_a_path_by_user_is_that_users(session: str, key: SigningKey) -> None:
    users = "/eos/opendata/users"
    alice = put(session, tokens.signed(key, scope=f"storage.read:{users}/alice", sub="alice"))
    _, own = read(session, alice, f"{CACHE}/{users}/alice/file.root")
    # It may look, and there is nothing.
    assert "Item not found" in own
    status, other = read(session, alice, f"{CACHE}/{users}/bob/file.root")
    assert status != 0
    assert "permission denied" in other


@pytest.mark.parametrize("scope", ["storage.read:/", "storage.read:/ storage.modify:/ storage.create:/"])
def test_nobody_writes_whatever_the_token_allows(session: str, key: SigningKey, scope: str) -> None:
    token = put(session, tokens.signed(key, scope=scope))
    status, said = run(session, "xrdcp", "/etc/hostname", f"{CACHE}/{FOLDER}/mine", token_file=token)
    assert status != 0
    assert re.search(r"denied|No servers have write access", said), said


# What the origin sees


def test_the_origin_never_sees_a_users_token(session: str, key: SigningKey, tmp_path: Path) -> None:
    fresh = origin.data() / FOLDER.lstrip("/") / f"fresh-{time.time_ns()}"
    fresh.write_bytes(b"x" * 100_000)
    token = tokens.signed(key)
    file = put(session, token)
    try:
        with listening(process("xrootd", "-n", "origin"), tmp_path / "wire") as wire:
            assert read(session, file, f"{CACHE}/{FOLDER}/{fresh.name}") == (0, "")
            wait_for("the request at the origin", lambda: fresh.name in wire, 10)
    finally:
        fresh.unlink()
    for secret in (token, token.split(".")[0], token.split(".")[2], "Bearer", "authz"):
        assert secret not in wire


# Several caches


def held(cache: str) -> set[str]:
    """Return the names of the files that a cache has."""
    done = execute(cache, "ls", f"/cache/names{FOLDER}")
    return {name for name in done.stdout.split() if not name.endswith(".cinfo")}


@pytest.fixture
def many_files() -> Iterator[list[str]]:
    """Names of files at the origin that no cache has seen."""
    folder = origin.data() / FOLDER.lstrip("/")
    names = [f"many-{time.time_ns()}-{number}" for number in range(12)]
    for name in names:
        (folder / name).write_bytes(name.encode() * 1000)
    yield names
    for name in names:
        (folder / name).unlink()


def test_a_file_is_fetched_once_for_all_caches_and_files_are_spread(
    session: str, many_files: list[str]
) -> None:
    for _ in range(2):
        for name in many_files:
            assert read(session, file=f"{CACHE}/{FOLDER}/{name}") == (0, "")
    shares = [held(cache) & set(many_files) for cache in CACHES]
    assert not shares[0] & shares[1]
    assert shares[0] | shares[1] == set(many_files)
    assert all(shares)


def test_a_directory_with_cached_files_cannot_be_listed(session: str) -> None:
    assert read(session) == (0, "")
    status, said = run(session, "xrdfs", "xcache.opendata.svc.cluster.local", "ls", FOLDER)
    assert status != 0
    assert "is a directory" in said


LARGE = f"{FOLDER}/large.bin"
READ_ON = f"""
import hashlib, threading, time, xcache
from XRootD.client import File
def read_all():
    digest, reader = hashlib.sha256(), File()
    status, _ = reader.open(xcache.url("{LARGE}"))
    assert status.ok, status.message
    for block in range(64):
        status, content = reader.read(block * 2**20, 2**20)
        assert status.ok, status.message
        digest.update(content)
        started.set()
        time.sleep(0.5)
    found.append(digest.hexdigest())
found, started = [], threading.Event()
readers = [threading.Thread(target=read_all) for _ in range(4)]
for reader in readers:
    reader.start()
started.wait(60)
"""
JOIN = """
for reader in readers:
    reader.join(400)
"""
EXPECTED = """
whole = hashlib.sha256()
for block in range(64):
    whole.update(bytes([block]) * 2**20)
expected = whole.hexdigest()
"""


@pytest.fixture
def large_file() -> Iterator[None]:
    """A file at the origin of many blocks."""
    place = origin.data() / LARGE.lstrip("/")
    place.write_bytes(b"".join(bytes([block]) * 2**20 for block in range(64)))
    yield
    place.unlink()


@pytest.mark.usefixtures("large_file")
def test_readers_of_a_cache_that_is_killed_finish(
    session: str, notebook: Server, figures: dict[str, Any]
) -> None:
    assert session
    notebook.run(READ_ON)
    (holder,) = wait_for("the file in a cache", lambda: [c for c in CACHES if "large.bin" in held(c)], 60)
    start = time.monotonic()
    kubectl("delete", "pod", holder, "--grace-period=0", "--force")
    found, expected = notebook.value(JOIN + EXPECTED, "[found, expected]", seconds=600)
    figures["4 readers finished after their cache was killed (s, 32 s of it their own pauses)"] = round(
        time.monotonic() - start
    )
    assert found == [expected] * 4
    settled()


# Keys


def test_after_a_rotation_old_tokens_are_good_to_their_end_and_new_ones_at_once(
    session: str, key: SigningKey
) -> None:
    before = tokens.signed(key)
    with laid_over({"xcache": AUTHORISED, "credentials": {"keyGeneration": 2}}) as second:
        up(second)
    rollout("credentials")
    new = tokens.facility_key()
    assert new.kid != key.kid
    assert read(session, put(session, before)) == (0, "")
    assert read(session, put(session, tokens.signed(new))) == (0, "")
    assert read(session, put(session, tokens.signed(key, **ended())))[0] != 0


def test_a_session_older_than_two_lifetimes_reads_with_what_it_was_given(session: str) -> None:
    (pod,) = [pod for pod in objects("pods") if pod["metadata"]["name"] == session]
    born = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    age = (datetime.now(UTC) - born).total_seconds()
    time.sleep(max(0, 2 * LIFETIME + 10 - age))
    assert read(session) == (0, "")
    digest = execute(session, "sha256sum", reader.READ).stdout.split()[0]
    assert digest == samples.SHA256["nano_dy.root"]
