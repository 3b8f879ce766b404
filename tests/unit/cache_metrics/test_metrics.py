"""From a cache's datagrams to what Prometheus reads: real UDP and HTTP on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.cache_metrics.metrics import Metrics
from services.cache_metrics.stream import Closed, StreamError, read

ROOT = Path(__file__).parents[3]
HEADER = {
    "code": "g",
    "pseq": 1,
    "stod": 1795448697,
    "sid": 24401537564307,
    "src": {"site": "test", "host": "localhost", "port": 1094, "inst": "xcache"},
    "gs": {"type": "C", "tbeg": 1795448702, "tend": 1795448702},
}
"""As XRootD 6.2.1 sent it, as the events."""
EVENT: dict[str, Any] = {
    "event": "file_close",
    "lfn": "/eos/opendata/coffea/a.root",
    "size": 3000000,
    "blk_size": 524288,
    "n_blks": 6,
    "n_blks_done": 6,
    "access_cnt": 7,
    "attach_t": 1795448702,
    "detach_t": 1795448702,
    "remotes": [],
    "b_hit": 10,
    "b_miss": 20,
    "b_bypass": 3,
    "b_todisk": 400,
    "b_prefetch": 5,
    "n_cks_errs": 1,
}
IDENTITY = {"code": "=", "pseq": 1, "stod": 1, "sid": 1, "src": {"pgm": "xrootd", "ver": "v6.2.1"}}


def datagram(*events: dict[str, Any], **header: Any) -> bytes:
    """Return what a cache sends, with the blank that it puts at the end."""
    lines = (json.dumps(part, separators=(",", ":")) for part in (HEADER | header, *events))
    return "\n".join(lines).encode() + b" "


def values(metrics: Metrics) -> dict[str, float]:
    """Return every counter by its name and label."""
    return {
        ".".join((sample.name, *sample.labels.values())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_a_datagram_tells_of_files_that_were_closed() -> None:
    told = read(datagram(EVENT, EVENT))
    assert told
    assert told.closed == (Closed(10, 20, 3, 400, 5, 1),) * 2


def test_other_streams_and_other_events_are_passed_over() -> None:
    assert read(json.dumps(IDENTITY).encode()) is None
    assert read(datagram(EVENT, gs={"type": "T"})) is None
    told = read(datagram({"event": "purge"}, EVENT))
    assert told
    assert len(told.closed) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b'{"code":"g"}',
        b'{"code":"g","gs":[],"pseq":1}',
        datagram(EVENT, pseq="x"),
        datagram(EVENT, pseq=1000),
        datagram(EVENT, pseq=float("inf")),
        datagram(EVENT, stod=None),
        datagram(EVENT | {"b_hit": 2**63}),
        datagram(EVENT | {"b_hit": 10**4000}),
        datagram(EVENT | {"b_hit": -1}),
        datagram(EVENT | {"b_hit": "10"}),
        datagram(EVENT | {"b_hit": True}),
        datagram({name: value for name, value in EVENT.items() if name != "b_todisk"}),
        b"[" * 60000,
    ],
)
def test_what_is_no_datagram_of_the_stream_is_an_error_and_only_counted(content: bytes) -> None:
    with pytest.raises(StreamError):
        read(content)
    metrics = Metrics(ROOT)
    metrics.take(content)
    counted = {name: value for name, value in values(metrics).items() if value}
    assert counted == {"xcache_stream_datagrams_total.unreadable": 1}


def test_bytes_are_counted_by_where_they_come_from() -> None:
    metrics = Metrics(ROOT)
    metrics.take(datagram(EVENT))
    metrics.take(datagram(EVENT, pseq=2))
    assert values(metrics) == {
        "xcache_given_bytes_total.cache": 20,
        "xcache_given_bytes_total.origin": 40,
        "xcache_given_bytes_total.bypass": 6,
        "xcache_fetched_bytes_total.kept": 800,
        "xcache_fetched_bytes_total.bypass": 6,
        "xcache_prefetched_bytes_total": 10,
        "xcache_files_closed_total": 2,
        "xcache_checksum_errors_total": 2,
        "xcache_stream_datagrams_total.read": 2,
        "xcache_stream_datagrams_total.unreadable": 0,
        "xcache_stream_datagrams_total.lost": 0,
    }


@pytest.mark.parametrize(
    "name", ['quo"te.root', "back\\slash", 'x","size":1,"b_hit":99,"y', "\udcff.root", "tab\t"]
)
def test_a_file_is_counted_whatever_its_name(name: str) -> None:
    # XRootD writes names as they are, which json.dumps would not.
    content = datagram(EVENT, EVENT).replace(b"/eos/opendata/coffea/a.root", os.fsencode(name))
    told = read(content)
    assert told
    assert told.closed == (Closed(10, 20, 3, 400, 5, 1),) * 2


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [
        ([(1, 7), (1, 8), (1, 11)], 2),
        ([(1, 998), (1, 999), (1, 0), (1, 1)], 0),
        ([(1, 998), (1, 1)], 2),
        ([(1, 7), (2, 1), (2, 2)], 0),
        ([(1, 7), (2, 3)], 2),
    ],
    ids=["a gap", "numbers begin again", "a gap there", "the cache restarts", "a gap there"],
)
def test_datagrams_that_are_missing_are_counted(numbers: list[tuple[int, int]], lost: int) -> None:
    metrics = Metrics(ROOT)
    for start, number in numbers:
        metrics.take(datagram(stod=start, pseq=number))
    assert values(metrics)["xcache_stream_datagrams_total.lost"] == lost


def test_the_volume_is_as_full_as_the_file_system_says(tmp_path: Path) -> None:
    def told(state: str) -> float:
        return metrics.registry.get_sample_value("xcache_volume_bytes", {"state": state}) or 0

    metrics = Metrics(tmp_path)
    state = os.statvfs(tmp_path)
    slack = 2**30  # Others write there, too.
    assert told("free") == pytest.approx(state.f_bavail * state.f_frsize, abs=slack)
    assert told("used") == pytest.approx((state.f_blocks - state.f_bfree) * state.f_frsize, abs=slack)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The program, running; its port for both."""
    port = free_port()
    command = [sys.executable, "-m", "services.cache_metrics.server", str(port), str(port), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        yield port
        process.kill()


def scraped(port: int) -> str:
    """Return what Prometheus would read, once there is an answer."""
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert time.monotonic() < end, "no answer after 20 s"
            time.sleep(0.05)


def test_what_the_cache_sends_is_what_prometheus_reads(server: int) -> None:
    assert 'xcache_given_bytes_total{source="cache"} 0.0' in scraped(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as cache:
        for content in (json.dumps(IDENTITY).encode(), datagram(EVENT), b"nonsense", datagram(EVENT, pseq=2)):
            cache.sendto(content, ("127.0.0.1", server))
    end = time.monotonic() + 10
    while 'xcache_given_bytes_total{source="cache"} 20.0' not in scraped(server):
        assert time.monotonic() < end
    text = scraped(server)
    assert 'xcache_stream_datagrams_total{outcome="unreadable"} 1.0' in text
    assert "a.root" not in text
