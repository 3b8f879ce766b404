"""Real servers on loopback: TLS with a CA of the test's own, and plain TCP."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from settings import Settings, load
from tests.unit.credentials.ca import Ca

SECRET = frozenset({"clientSecret"})


def settings(**raw: Any) -> Settings:
    """Return the settings of a site; with an issuer its client's secret is set."""
    if "issuer" in raw.get("identity", {}):
        return load(raw | {"clientSecret": "x"}, stack="site", secrets=SECRET)
    return load(raw, stack="site")


@dataclass
class Answer:
    """What the server says to one path."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Server:
    """An https server: path to answer."""

    url: str
    ca: str
    """File of the CA that signed for it."""
    answers: dict[str, Answer | Callable[[Any], Answer]] = field(default_factory=dict[str, Any])
    asked: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="session")
def ca() -> Ca:
    """A CA."""
    return Ca()


@pytest.fixture
def server(tmp_path: Path, ca: Ca) -> Iterator[Server]:
    """An https server on loopback that knows nothing yet."""
    leaf = ca.leaf({"commonName": "localhost"}, "server_auth", dnsNames=["localhost"])
    (tmp_path / "ca.pem").write_text(ca.pem)
    (tmp_path / "tls.crt").write_text(leaf.chain)
    (tmp_path / "tls.key").write_text(leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 (http.server's name)
            known.asked.append(f"{self.command} {self.path}")
            found = known.answers.get(self.path.partition("?")[0], Answer(404))
            answer = found if isinstance(found, Answer) else found(self)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    known = Server(f"https://localhost:{http.server_port}", str(tmp_path / "ca.pem"))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield known
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def speaker() -> Iterator[Callable[[bytes], int]]:
    """Start a TCP server that says something after 20 bytes, and hangs up; return its port."""
    sockets: list[socket.socket] = []

    def start(says: bytes) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def serve() -> None:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with closing(connection):
                heard.append(connection.recv(20))
                connection.sendall(says)

        threading.Thread(target=serve, daemon=True).start()
        return listening.getsockname()[1]

    heard: list[bytes] = []
    start.heard = heard  # type: ignore[attr-defined]
    yield start
    for one in sockets:
        one.close()


@pytest.fixture
def collector() -> Iterator[str]:
    """HOST:PORT of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"localhost:{listening.getsockname()[1]}"
