"""The metrics of one cache. Files are never among the labels: there is no end of them."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.cache_metrics.stream import NUMBERS, Datagram, StreamError, read


class Metrics:
    """Counters since the start, and how full the cache's ``volume`` is at the moment."""

    def __init__(self, volume: Path) -> None:
        self.registry = CollectorRegistry()
        self._volume = volume
        self._last: Datagram | None = None
        self._given = self._counter(
            "xcache_given_bytes", "Bytes given to readers, by where they came from.", "source"
        )
        self._fetched = self._counter("xcache_fetched_bytes", "Bytes fetched from the origin, by use.", "use")
        self._prefetched = self._counter("xcache_prefetched_bytes", "Bytes fetched before anybody asked.")
        self._closed = self._counter("xcache_files_closed", "Files that their last readers have closed.")
        self._wrong = self._counter("xcache_checksum_errors", "Blocks whose checksum was wrong.")
        self._datagrams = self._counter(
            "xcache_stream_datagrams", "Datagrams of the cache: read, unreadable, or lost.", "outcome"
        )
        space = Gauge("xcache_volume_bytes", "The volume's file system.", ["state"], registry=self.registry)
        space.labels("free").set_function(self._free)
        space.labels("used").set_function(self._used)
        # There from the start, so that a rate of none is 0 and not nothing.
        for source in ("cache", "origin", "bypass"):
            self._given.labels(source)
        for use in ("kept", "bypass"):
            self._fetched.labels(use)
        for outcome in ("read", "unreadable", "lost"):
            self._datagrams.labels(outcome)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def take(self, datagram: bytes) -> None:
        """Count what a datagram tells; one that cannot be read is counted as such."""
        try:
            told = read(datagram)
        except StreamError:
            self._datagrams.labels("unreadable").inc()
            return
        if told is None:
            return
        self._datagrams.labels("read").inc()
        self._datagrams.labels("lost").inc(self._missing(told))
        for closed in told.closed:
            self._closed.inc()
            self._given.labels("cache").inc(closed.b_hit)
            self._given.labels("origin").inc(closed.b_miss)
            self._given.labels("bypass").inc(closed.b_bypass)
            self._fetched.labels("kept").inc(closed.b_todisk)
            self._fetched.labels("bypass").inc(closed.b_bypass)
            self._prefetched.inc(closed.b_prefetch)
            self._wrong.inc(closed.n_cks_errs)

    def _missing(self, told: Datagram) -> int:
        """Return how many datagrams went missing before this one."""
        last, self._last = self._last, told
        if last is None:
            return 0
        before = last.number if last.start == told.start else 0
        return (told.number - before - 1) % NUMBERS

    def _free(self) -> float:
        state = os.statvfs(self._volume)
        return state.f_bavail * state.f_frsize

    def _used(self) -> float:
        state = os.statvfs(self._volume)
        return (state.f_blocks - state.f_bfree) * state.f_frsize
