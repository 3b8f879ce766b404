"""XRootD's g-stream of its proxy file cache: datagrams of JSON lines.

Reference: XRootD, "System Monitoring Reference", g-stream ("gs", type "C"), with the header "insthdr". The
first line is the header; each line after it tells of a file that its last reader has closed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

_CACHE = "C"
_CLOSED = "file_close"
_NAME = re.compile(rb'"lfn":".*","size":')
"""A file's name, which XRootD writes as it is: a quotation mark in it would end the JSON."""
NUMBERS = 1000
"""Datagrams are numbered modulo this; the first after a start is 1 (XRootD 6.2.1)."""
_TOO_MUCH = 2**63
"""XRootD's own counts are 64-bit integers."""


class StreamError(ValueError):
    """A datagram is not as the stream's are."""


@dataclass(frozen=True)
class Closed:
    """What a cache did for the readers of one file; bytes but for ``n_cks_errs``. The names are XRootD's."""

    b_hit: int
    """Given to the reader from memory or disk, just fetched or not."""
    b_miss: int
    """Given to the reader after waiting for the origin."""
    b_bypass: int
    """Given to the reader from the origin, and not kept."""
    b_todisk: int
    """Fetched from the origin and kept."""
    b_prefetch: int
    """Fetched before anybody asked."""
    n_cks_errs: int
    """Blocks whose checksum was wrong."""


@dataclass(frozen=True)
class Datagram:
    """A datagram of the cache's stream."""

    start: int
    """When the cache started, in seconds since 1970."""
    number: int
    """Counts up from datagram to datagram, modulo ``NUMBERS``."""
    closed: tuple[Closed, ...]


def read(datagram: bytes) -> Datagram | None:
    """Return what a datagram tells; None for one of another stream. Raises StreamError."""
    try:
        # Nobody needs the names, which may be in any encoding.
        header, *lines = (_NAME.sub(b'"size":', line) for line in datagram.rstrip(b"\0 \n").split(b"\n"))
        head = _object(header)
        if head.get("code") != "g" or _object(head["gs"]).get("type") != _CACHE:
            return None
        events = [_object(line) for line in lines if line.strip()]
        closed = tuple(_closed(event) for event in events if event.get("event") == _CLOSED)
        return Datagram(_count(head["stod"]), _count(head["pseq"], NUMBERS), closed)
    # RecursionError: a datagram of brackets is deep enough.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StreamError(f"no datagram of the g-stream: {type(error).__name__}") from error


def _object(value: object) -> Mapping[str, object]:
    found: object = json.loads(value) if isinstance(value, bytes) else value
    if not isinstance(found, dict):
        raise StreamError("no JSON object")
    return cast(Mapping[str, object], found)


def _closed(event: Mapping[str, object]) -> Closed:
    return Closed(**{field.name: _count(event[field.name]) for field in fields(Closed)})


def _count(value: object, end: int = _TOO_MUCH) -> int:
    # A counter that went down would look like a restart, and one without end is no number to Prometheus.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < end:
        raise StreamError("no count")
    return value
