"""The server that the cache reads from: whether an XRootD answers there, and the cache may go there."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from check.finding import Finding, failed, not_applicable, ok
from check.names import addresses, within
from settings import Settings

PORT = 1094
"""IANA's port of the root protocol."""
HANDSHAKE = struct.pack(">5i", 0, 0, 0, 4, 2012)
"""XRootD Protocol Specification 5.2, "Initial Server Handshake": what a client sends first."""
_ANSWER = struct.Struct(">2sHiii")
"""Its answer: stream id, status, length of what follows, protocol version, kind of server."""
_KINDS = {0: "redirector", 1: "data server"}
SECONDS = 10.0


class OriginError(ValueError):
    """What answers is no XRootD server."""


def shake_hands(host: str, port: int, seconds: float = SECONDS) -> str:
    """Return what kind of XRootD server answers. Raises OriginError, and OSError where nobody does."""
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(HANDSHAKE)
        answer = b""
        while len(answer) < _ANSWER.size:
            more = connection.recv(_ANSWER.size - len(answer))
            if not more:
                raise OriginError(f"it hung up after {len(answer)} bytes")
            answer += more
    _, status, length, version, kind = _ANSWER.unpack(answer)
    if status or length != 8 or kind not in _KINDS:
        raise OriginError("what answers is no XRootD server")
    return f"XRootD {_KINDS[kind]}, protocol {version:x}"


def place(settings: Settings) -> tuple[str, int]:
    """Return host and port of the origin."""
    assert settings.xcache
    host, _, port = settings.xcache.origin.partition(":")
    return host, int(port or PORT)


def inside(host: str, dns_domain: str) -> tuple[str, str] | None:
    """Return name and namespace of the Service that a name in the cluster is of; none for other names."""
    match = re.fullmatch(rf"([^.]+)\.([^.]+)\.svc(\.{re.escape(dns_domain)})?", host)
    return (match[1], match[2]) if match else None


@contextmanager
def forwarded(kubectl: Sequence[str], service: str, namespace: str, port: int) -> Generator[int]:
    """Give a port of this machine that leads to a Service. Raises OriginError."""
    wait = "--pod-running-timeout=10s"
    command = [*kubectl, "port-forward", wait, f"--namespace={namespace}", f"service/{service}", f":{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stderr
        # It says "Forwarding from 127.0.0.1:40123 -> 1094", or ends.
        match = re.search(r":(\d+) ->", process.stdout.readline())
        if not match:
            raise OriginError(f"kubectl port-forward: {process.stderr.read().strip()}")
        yield int(match[1])
    finally:
        process.terminate()
        process.communicate()


def allowed(settings: Settings, found: Sequence[str]) -> list[str]:
    """Return those of the origin's addresses that NetworkPolicies let the cache connect to."""
    assert settings.xcache
    if given := settings.xcache.origin_cidrs:
        return within(found, given)
    private = within(found, settings.network.private_cidrs)
    return [address for address in found if address not in private]


def answers(settings: Settings, kubectl: Sequence[str], seconds: float = SECONDS) -> Finding:
    """Shake hands with the origin from here; a name of the cluster's own is reached through kubectl."""
    name = "XCache origin"
    if settings.xcache is None:
        return not_applicable(name, "there is no coffea-casa:xcache")
    host, port = place(settings)
    service = inside(host, settings.kubernetes.dns_domain)
    try:
        if service:
            with forwarded(kubectl, *service, port) as here:
                return ok(name, f"{host}:{port} is an {shake_hands('127.0.0.1', here, seconds)}")
        found = addresses(host)
        if not found:
            return failed(name, f"{host} has no address", "write coffea-casa:xcache.origin as DNS knows it")
        if not allowed(settings, found):
            return failed(
                name,
                f"{host} is {', '.join(found)}, where the cache may not connect to",
                "write them, and those of servers that it redirects to, into coffea-casa:xcache.originCidrs",
            )
        return ok(name, f"{host}:{port} is an {shake_hands(host, port, seconds)}")
    except (OSError, OriginError) as error:
        return failed(
            name,
            f"{host}:{port}: {error}",
            "see that the server runs and lets this machine and the cluster in",
        )
