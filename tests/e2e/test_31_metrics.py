"""What the cache says of its reads, as Prometheus would read it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from local import origin
from tests.e2e.facility import execute, kubectl, objects, pod_name, reaches, wait_for
from tests.e2e.server import Server

ASK = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9931/metrics').read().decode())"
SIZE = 3 * 2**20


def metrics() -> dict[str, float]:
    """Return the cache's metrics by name and label."""
    command = ("exec", "xcache-0", "--container=metrics", "--", "python", "-c", ASK)
    found = re.findall(r"^(xcache\S+) (\S+)$", kubectl(*command).stdout, re.MULTILINE)
    return {name: float(value) for name, value in found}


def given(values: dict[str, float]) -> float:
    """Return the bytes that readers got, from wherever."""
    return sum(value for name, value in values.items() if name.startswith("xcache_given_bytes_total"))


@pytest.fixture
def fresh_file() -> Iterator[str]:
    """The path of a file at the origin that no cache has seen."""
    path = f"{origin.FOLDER}/metrics-{time.time_ns()}"
    place = origin.data() / path.lstrip("/")
    place.write_bytes(b"x" * SIZE)
    yield path
    place.unlink()


def test_reads_are_counted_and_a_second_reader_costs_the_origin_nothing(
    notebook: Server, fresh_file: str
) -> None:
    read = f"""
import subprocess, xcache
subprocess.run(["xrdcp", "-s", "-f", xcache.url("{fresh_file}"), "/tmp/x"], check=True)
"""
    before = metrics()
    notebook.run(read)
    first = wait_for(
        "the first reader", lambda: m if given(m := metrics()) >= given(before) + SIZE else None, 120
    )
    kept = 'xcache_fetched_bytes_total{use="kept"}'
    assert first[kept] - before[kept] == SIZE
    notebook.run(read)
    second = wait_for(
        "the second reader", lambda: m if given(m := metrics()) >= given(first) + SIZE else None, 120
    )
    assert second[kept] == first[kept]
    assert second["xcache_files_closed_total"] == before["xcache_files_closed_total"] + 2
    assert second['xcache_stream_datagrams_total{outcome="unreadable"}'] == 0
    assert second['xcache_volume_bytes{state="used"}'] >= SIZE


def test_no_file_is_named(notebook: Server, fresh_file: str) -> None:
    assert notebook
    command = ("exec", "xcache-0", "--container=metrics", "--", "python", "-c", ASK)
    assert "/eos" not in kubectl(*command).stdout


def test_the_facilitys_pods_cannot_read_metrics(notebook: Server) -> None:
    assert notebook
    (cache,) = [pod for pod in objects("pods") if pod["metadata"]["name"] == "xcache-0"]
    session = pod_name("session", notebook.account.user)
    # The same address at the port that they may use shows that it is the right one.
    assert reaches(session, cache["status"]["podIP"], 1094)
    assert not reaches(session, cache["status"]["podIP"], 9931)
    assert execute(session, "true").returncode == 0
