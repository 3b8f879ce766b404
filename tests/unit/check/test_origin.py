"""The XRootD handshake, with servers that answer it and servers that do not."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from check import origin
from check.origin import OriginError, allowed, answers, inside, shake_hands
from tests.unit.check.conftest import settings

SERVER = struct.pack(">2sHiii", b"\0\0", 0, 8, 0x520, 1)
REDIRECTOR = struct.pack(">2sHiii", b"\0\0", 0, 8, 0x520, 0)
HERE = ["127.0.0.0/8", "::1/128"]


def site(host: str, *cidrs: str) -> Any:
    return settings(xcache={"origin": host, "prefix": "/a", "originCidrs": list(cidrs)})


@pytest.mark.parametrize(("says", "kind"), [(SERVER, "data server"), (REDIRECTOR, "redirector")])
def test_an_xrootd_server_is_known_by_its_handshake(speaker: Any, says: bytes, kind: str) -> None:
    port = speaker(says)
    found = answers(site(f"localhost:{port}", *HERE), ["kubectl"])
    assert found.verdict == "ok"
    assert f"XRootD {kind}, protocol 520" in found.text
    # Four zeros but for the fourth and the fifth number, of four bytes each.
    assert speaker.heard == [b"\0" * 12 + b"\0\0\0\x04" + b"\0\0\x07\xdc"]


@pytest.mark.parametrize(
    "says",
    [
        b"",
        SERVER[:15],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        struct.pack(">2sHiii", b"\0\0", 4003, 8, 0x520, 1),
        struct.pack(">2sHiii", b"\0\0", 0, 8, 0x520, 7),
    ],
)
def test_anything_else_is_none(speaker: Any, says: bytes) -> None:
    with pytest.raises(OriginError):
        shake_hands("127.0.0.1", speaker(says))


def test_nobody_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = answers(site(f"localhost:{port}", *HERE), ["kubectl"])
    assert found.verdict == "FAILED"
    assert found.remedy


def test_one_that_accepts_and_says_nothing_fails_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        found = answers(site(f"localhost:{port}", *HERE), ["kubectl"], seconds=0.2)
    assert (found.verdict, "timed out" in found.text) == ("FAILED", True)


def test_an_unknown_host_fails() -> None:
    assert "has no address" in answers(site("data.invalid"), ["kubectl"]).text


def test_an_origin_where_policies_do_not_let_the_cache_go_fails(speaker: Any) -> None:
    found = answers(site(f"localhost:{speaker(SERVER)}", "192.0.2.0/24"), ["kubectl"])
    assert (found.verdict, "originCidrs" in found.remedy) == ("FAILED", True)
    assert not speaker.heard


def test_without_cidrs_public_addresses_alone_are_allowed() -> None:
    assert allowed(site("o.example.org"), ["10.1.2.3", "192.0.2.7", "fe80::1%eth0"]) == ["192.0.2.7"]
    assert allowed(site("o.example.org", "10.0.0.0/8"), ["10.1.2.3", "192.0.2.7"]) == ["10.1.2.3"]


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("origin.data.svc.cluster.local", ("origin", "data")),
        ("origin.data.svc", ("origin", "data")),
        ("origin.data.svc.other.local", None),
        ("origin.example.org", None),
        ("a.b.c.svc", None),
    ],
)
def test_names_of_the_cluster_are_told_from_others(host: str, service: tuple[str, str] | None) -> None:
    assert inside(host, "cluster.local") == service


KUBECTL = """
import sys, time
assert sys.argv[1:3] == ["port-forward", "--pod-running-timeout=10s"], sys.argv
assert sys.argv[3:] == ["--namespace=data", "service/origin", ":1094"], sys.argv
print("Forwarding from 127.0.0.1:{port} -> 1094", flush=True)
time.sleep(60)
"""


def test_a_name_of_the_cluster_is_reached_through_kubectl(speaker: Any, tmp_path: Path) -> None:
    program = tmp_path / "kubectl.py"
    program.write_text(KUBECTL.replace("{port}", str(speaker(SERVER))))
    found = answers(site("origin.data.svc.cluster.local"), [sys.executable, str(program)])
    assert found.verdict == "ok", found


def test_a_kubectl_that_gives_no_way_fails_with_what_it_says(tmp_path: Path) -> None:
    program = tmp_path / "kubectl.py"
    program.write_text("import sys; sys.exit('services \"origin\" not found')")
    found = answers(site("origin.data.svc.cluster.local"), [sys.executable, str(program)])
    assert (found.verdict, 'services "origin" not found' in found.text) == ("FAILED", True)


def test_without_a_cache_there_is_no_origin() -> None:
    assert origin.answers(settings(), ["kubectl"]).verdict == "not applicable"
