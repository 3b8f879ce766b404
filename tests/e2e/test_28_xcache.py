"""Remote data through the cache: real XRootD on both sides, and the origin stopped to see who answers."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local import origin, samples
from tests.e2e.facility import execute, kubectl, objects, pod_name, reaches, wait_for
from tests.e2e.samples import dimuon_counts
from tests.e2e.server import ANALYSIS, KernelError, Server

CACHE = "xcache-0"
DATASETS = {"dimuon": "nano_dimuon.root", "dy": "nano_dy.root"}
ANALYSE = f"""
import importlib, time, dimuon, xcache
importlib.reload(dimuon)

start = time.monotonic()
files = {{name: xcache.url(f"{origin.FOLDER}/{{file}}") for name, file in {DATASETS!r}.items()}}
histograms = dimuon.analyse(client, files)
seconds = time.monotonic() - start
counts = {{name: histogram.values().astype(int).tolist() for name, histogram in histograms.items()}}
"""
COMMAND = """
import subprocess, xcache
def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return [done.returncode, done.stdout + done.stderr]
"""


def sent_by_origin() -> int:
    """Return the bytes that the origin's pod has sent, as its kernel counts them."""
    command = ("exec", "deployment/origin", "--namespace=origin", "--", "cat", "/proc/net/dev")
    (line,) = [line for line in kubectl(*command).stdout.splitlines() if line.strip().startswith("eth0:")]
    return int(line.split(":")[1].split()[8])


def origins() -> list[dict[str, Any]]:
    """Return the origin's pods."""
    return objects("pods", namespace="origin")


def scale_origin(replicas: int) -> None:
    """Stop or start the origin."""
    kubectl("scale", "deployment/origin", "--namespace=origin", f"--replicas={replicas}")
    kubectl("rollout", "status", "deployment/origin", "--namespace=origin", "--timeout=120s")
    wait_for("the origin's pods", lambda: len(origins()) == replicas, 90)
    if replicas:
        # The node learns the way to a pod a moment after it is ready.
        wait_for("the way to the origin", lambda: reaches(CACHE, origin.HOST, 1094), 60)


@pytest.fixture
def stopped_origin() -> Iterator[None]:
    """The origin is away; afterwards it is back."""
    scale_origin(0)
    yield
    scale_origin(1)


@pytest.fixture(scope="module")
def expected() -> dict[str, list[int]]:
    """Counts by a calculation that shares no code with the analysis."""
    files = samples.fetch()
    return {name: dimuon_counts(files[file]) for name, file in DATASETS.items()}


@pytest.fixture(scope="module")
def cold(notebook: Server, cluster: str, figures: dict[str, Any]) -> dict[str, Any]:
    """The analysis with an empty cache: counts, and the bytes that the origin sent for it."""
    assert cluster
    emptied = execute(CACHE, "sh", "-c", "rm -rf /cache/names/* /cache/meta/* /cache/data/*")
    assert emptied.returncode == 0, emptied.stderr
    kubectl("delete", "pod", CACHE)
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=120s")
    notebook.upload(ANALYSIS)
    before = sent_by_origin()
    counts, seconds = notebook.value(ANALYSE, "[counts, seconds]", seconds=600)
    figures["dimuon analysis through a cold cache (s)"] = round(seconds, 1)
    return {"counts": counts, "sent": sent_by_origin() - before}


def test_the_analysis_reads_through_the_cache_and_is_right(
    cold: dict[str, Any], expected: dict[str, list[int]]
) -> None:
    assert cold["counts"] == expected
    # Blocks and no whole files, but more than the columns alone.
    assert cold["sent"] > 50_000


def test_sessions_and_workers_reach_the_cache_and_not_the_origin(cold: dict[str, Any]) -> None:
    assert cold
    for component in ("session", "dask-worker"):
        pod = pod_name(component)
        assert reaches(pod, "xcache", 1094)
        assert not reaches(pod, origin.HOST, 1094)


def test_the_second_run_asks_nothing_of_the_origin(
    cold: dict[str, Any], notebook: Server, expected: dict[str, list[int]], figures: dict[str, Any]
) -> None:
    before = sent_by_origin()
    counts, seconds = notebook.value(ANALYSE, "[counts, seconds]", seconds=600)
    figures["dimuon analysis through a warm cache (s)"] = round(seconds, 1)
    assert counts == expected
    assert sent_by_origin() - before < cold["sent"] / 10


@pytest.mark.usefixtures("stopped_origin")
def test_a_restarted_cache_serves_what_it_has_while_the_origin_is_away(
    cold: dict[str, Any], notebook: Server, expected: dict[str, list[int]]
) -> None:
    assert cold
    kubectl("delete", "pod", CACHE)
    kubectl("rollout", "status", "statefulset/xcache", "--timeout=120s")
    assert notebook.value(ANALYSE, "counts", seconds=600) == expected


@pytest.mark.usefixtures("stopped_origin")
def test_what_is_not_cached_is_an_error_and_no_hang_while_the_origin_is_away(
    cold: dict[str, Any], notebook: Server
) -> None:
    assert cold
    start = time.monotonic()
    with pytest.raises(KernelError):
        notebook.run(f"import uproot; uproot.open(xcache.url('{origin.FOLDER}/other.root'))", seconds=300)
    assert time.monotonic() - start < 240


def test_a_whole_file_comes_through_xrdcp_as_it_is(cold: dict[str, Any], notebook: Server) -> None:
    assert cold
    copy = f"run('xrdcp', '-f', xcache.url('{origin.FOLDER}/nano_dy.root'), '/tmp/copy.root')"
    assert notebook.value(COMMAND, copy)[0] == 0
    digest = "hashlib.sha256(open('/tmp/copy.root', 'rb').read()).hexdigest()"
    assert notebook.value("import hashlib", digest) == samples.SHA256["nano_dy.root"]


READERS = 50
MANY = f"""
import hashlib, subprocess, xcache
address = xcache.url("{origin.FOLDER}/nano_dimuon.root")
readers = [subprocess.Popen(["xrdcp", "-s", "-f", address, f"/tmp/copy-{{i}}"]) for i in range({READERS})]
statuses = {{reader.wait(120) for reader in readers}}
read = {{hashlib.sha256(open(f"/tmp/copy-{{i}}", "rb").read()).hexdigest() for i in range({READERS})}}
"""


def test_many_readers_at_once_all_get_the_right_bytes(cold: dict[str, Any], notebook: Server) -> None:
    assert cold
    statuses, read = notebook.value(MANY, "[list(statuses), list(read)]", seconds=300)
    assert statuses == [0]
    assert read == [samples.SHA256["nano_dimuon.root"]]


@pytest.mark.parametrize(
    "words",
    [
        "'xrdcp', '/tmp/copy.root', xcache.url('/eos/opendata/coffea/mine.root')",
        "'xrdfs', 'xcache', 'rm', '/eos/opendata/coffea/nano_dy.root'",
        "'xrdfs', 'xcache', 'mkdir', '/eos/opendata/mine'",
        "'xrdcp', '-f', 'root://xcache//etc/passwd', '/tmp/passwd'",
        "'xrdcp', '-f', 'root://xcache//root://origin.origin//eos/opendata/coffea/nano_dy.root', '/tmp/open'",
    ],
)
def test_writes_and_other_paths_are_refused(cold: dict[str, Any], notebook: Server, words: str) -> None:
    assert cold
    status, said = notebook.value(COMMAND, f"run({words})")
    assert status != 0
    assert re.search(
        r"denied|disallowed|not permitted|read.?only|not allowed|invalid|unauthorized", said, re.I
    ), said


LARGE = f"{origin.FOLDER}/large-{uuid.uuid4().hex}.bin"
"""Of a name of its own: a cache knows files of earlier runs."""
SIZE = 2**35
"""Bytes of that file, all of them a hole: a cache reads on by itself, a gigabyte in a second or two."""
OPEN = f"""
import time, xcache
from XRootD.client import File
start = time.monotonic()
while True:
    reader = File()
    opened, _ = reader.open(xcache.url("{LARGE}"))
    if opened.ok or time.monotonic() > start + 120:
        break
    time.sleep(2)
waited = time.monotonic() - start
assert opened.ok, opened.message
first, content = reader.read(0, 1000)
"""
MARK = uuid.uuid4().hex
"""Its last bytes."""
GO_ON = f"""
start = time.monotonic()
status, last = reader.read({SIZE} - {len(MARK)}, {len(MARK)})
last = (last or b"").decode(errors="replace")
seconds = time.monotonic() - start
reader.close()
"""


@pytest.fixture
def large_file() -> Iterator[None]:
    """A file at the origin that is longer than a cache reads ahead before the origin has gone."""
    place = origin.data() / LARGE.lstrip("/")
    with place.open("wb") as content:
        content.truncate(SIZE - len(MARK))
        content.seek(0, os.SEEK_END)
        content.write(MARK.encode())
    yield
    place.unlink()


@pytest.mark.usefixtures("large_file")
def test_an_origin_that_came_back_is_read_again_and_one_that_dies_under_a_reader_is_an_error(
    cold: dict[str, Any], notebook: Server, figures: dict[str, Any]
) -> None:
    # The cache has just failed to reach it (the tests above), and must not hold that against it for long.
    assert cold
    *read, waited = notebook.value(OPEN, "[first.ok, len(content), waited]")
    assert read == [True, 1000]
    assert waited < 60
    figures["origin that came back read again after (s)"] = round(waited)
    kubectl("scale", "deployment/origin", "--namespace=origin", "--replicas=0")
    # A pod that is deleted before its controller knows that there are to be none gets a successor.
    wait_for(
        "the end of the origin", lambda: all("deletionTimestamp" in p["metadata"] for p in origins()), 60
    )
    # Not by force: that returns while the server still answers.
    kubectl("delete", "pods", "--namespace=origin", "--all", "--grace-period=1")
    scale_origin(0)
    try:
        ok, said, last, seconds = notebook.value(
            GO_ON, "[status.ok, status.message, last, seconds]", seconds=600
        )
    finally:
        scale_origin(1)
    assert not ok, f"{last!r} after {seconds} s, of {MARK!r}"
    assert said
    figures["error after the origin died under a reader (s)"] = round(seconds)
    assert seconds < 240
