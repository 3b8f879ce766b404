# pyright: basic
"""The router's configuration in a real nginx, with real TLS and HTTP connections on loopback.

Needs Debian's nginx and libnginx-mod-stream. A small DNS server plays the
cluster's: it knows a few Services, each at a loopback address of its own, where
their real port numbers are free.
"""

from __future__ import annotations

import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROUTER = Path(__file__).resolve().parents[3] / "images" / "router"
ID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
DOMAIN = "opendata.svc.cluster.local"
SESSION = f"ada.sessions.{DOMAIN}"
NAMES = {f"dask-{ID}.{DOMAIN}": "127.77.0.2", SESSION: "127.77.0.5", f"dask-gateway.{DOMAIN}": "127.77.0.3"}
DASHBOARD = f"/services/dask-gateway/clusters/opendata.{ID}"
ROUTER_IP = "127.77.0.1"


class Dns(socketserver.BaseRequestHandler):
    """Answers A questions from NAMES; anything else does not exist."""

    def handle(self) -> None:
        query, sock = self.request
        labels: list[str] = []
        at = 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += query[at] + 1
        kind, address = query[at + 2], NAMES.get(".".join(labels))
        found = address is not None and kind == 1
        flags = b"\x85\x80" if address else b"\x85\x83"
        reply = (
            query[:2] + flags + b"\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0" + query[12 : at + 5]
        )
        if found and address:
            reply += b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton(address)
        sock.sendto(reply, self.client_address)


class Echo(BaseHTTPRequestHandler):
    """Says who it is and what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if (self.headers.get("Connection"), self.headers.get("Upgrade")) == ("upgrade", "websocket"):
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.write(self.rfile.readline().upper())
            return
        body = "\n".join([f"{self.connection.getsockname()[1]} {self.path}", str(self.headers)]).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "stolen=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Gate(Echo):
    """Lets in who has the token ``owner``, knows ``stranger``, and shows a log-in page."""

    def do_GET(self) -> None:
        if not self.path.startswith("/check/"):
            return super().do_GET()
        status = {"token owner": 204, "token stranger": 403}.get(self.headers.get("Authorization", ""), 401)
        self.send_response(status if self.path == f"/check/opendata.{ID}" else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None


def http_server(address: str, port: int, handler: type[Echo]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer((address, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def tls_server(address: str, port: int, directory: Path) -> socket.socket:
    """Serve TLS that answers with the server name the client asked for."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=dask-internal", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names: dict[ssl.SSLObject, str] = {}
    context.sni_callback = lambda tls, name, _: names.__setitem__(tls, name or "")
    listener = socket.create_server((address, port))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as tls:
                    tls.sendall(f"scheduler for {names[tls]}".encode())  # type: ignore[index]
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run nginx with its upstreams; gives the file it logs to."""
    directory = tmp_path_factory.mktemp("router")
    (directory / "resolv.conf").write_text("nameserver 127.77.0.4\n")
    environment = {
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "NAMESPACE": "opendata",
        "DNS_DOMAIN": "cluster.local",
        "WORLD_DOMAIN": "dask.example.org",
        "ROUTER_TEMPLATES": str(ROUTER),
        "ROUTER_RESOLV_CONF": str(directory / "resolv.conf"),
        "ROUTER_IF_INET6": os.devnull,
    }
    entrypoint = ["/bin/sh", str(ROUTER / "entrypoint.sh"), "render"]
    text = subprocess.run(entrypoint, env=environment, check=True, capture_output=True, text=True).stdout
    # Only where it listens and writes differs from the pod's.
    text = text.replace("listen 8", f"listen {ROUTER_IP}:8").replace("listen 9", f"listen {ROUTER_IP}:9")
    text = text.replace("/tmp/nginx", f"{directory}/nginx")
    config = directory / "nginx.conf"
    config.write_text(text.replace("/dev/stdout", str(directory / "access.log")))
    directory.chmod(0o755)
    nginx = ["nginx", "-e", "stderr", "-c", str(config)]
    subprocess.run([*nginx, "-t"], env=environment, check=True)
    with ExitStack() as stack:
        dns = stack.enter_context(socketserver.ThreadingUDPServer(("127.77.0.4", 53), Dns))
        threading.Thread(target=dns.serve_forever, daemon=True).start()
        stack.callback(dns.shutdown)
        stack.callback(tls_server("127.77.0.2", 8786, directory).close)
        stack.callback(tls_server("127.77.0.5", 8786, directory).close)
        for address, port, handler in (
            ("127.77.0.2", 8787, Echo), ("127.77.0.3", 8000, Echo), ("127.77.0.3", 8001, Gate),
        ):  # fmt: skip
            stack.callback(http_server(address, port, handler).shutdown)
        with (directory / "error.log").open("w") as errors:
            process = stack.enter_context(subprocess.Popen(nginx, env=environment, stderr=errors))
        stack.callback(process.terminate)
        wait_for(8000)
        yield directory / "access.log"


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection((ROUTER_IP, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def handshake(name: str | None, port: int = 8786) -> str:
    """Connect as Dask's client does; return what the scheduler says, or raise OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((ROUTER_IP, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        return tls.recv(200).decode()


def get(path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection(ROUTER_IP, 8000, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read().decode()


pytestmark = pytest.mark.usefixtures("log")


def test_tls_reaches_the_scheduler_it_names() -> None:
    assert handshake(f"daskgateway-opendata.{ID}") == f"scheduler for daskgateway-opendata.{ID}"


def test_the_world_reaches_the_session_it_names() -> None:
    assert handshake("ada.dask.example.org", 9786) == "scheduler for ada.dask.example.org"


@pytest.mark.parametrize(
    "name",
    [
        None,
        # Of the right shape, and no such session.
        "bob.dask.example.org",
        "ada.dask.example.com",
        "ada.dask.localhost",
        SESSION,
        f"daskgateway-opendata.{ID}",
    ],
)
def test_the_world_with_any_other_name_is_closed_at_once(name: str | None) -> None:
    start = time.monotonic()
    with pytest.raises(OSError):
        handshake(name, 9786)
    assert time.monotonic() - start < 2


def test_sessions_are_not_found_at_the_facilitys_own_port() -> None:
    with pytest.raises(OSError):
        handshake("ada.dask.example.org")


@pytest.mark.parametrize(
    "name",
    [None, f"daskgateway-other.{ID}", f"daskgateway-opendata.{OTHER}", "dask-gateway.opendata.svc", "hub"],
)
def test_tls_with_any_other_name_is_closed_at_once(name: str | None) -> None:
    start = time.monotonic()
    with pytest.raises(OSError):
        handshake(name)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("port", [8786, 9786])
def test_what_is_not_tls_is_closed_at_once(port: int) -> None:
    with socket.create_connection((ROUTER_IP, port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        start = time.monotonic()
        with suppress(ConnectionResetError):
            assert plain.recv(100) == b""
        assert time.monotonic() - start < 2


def test_who_says_nothing_is_closed_after_five_seconds() -> None:
    with socket.create_connection((ROUTER_IP, 9786), timeout=10) as silent:
        start = time.monotonic()
        assert silent.recv(1) == b""
        assert 4 < time.monotonic() - start < 8


@pytest.mark.parametrize(
    ("port", "name"), [(8786, f"daskgateway-opendata.{ID}"), (9786, "ada.dask.example.org")]
)
def test_one_source_has_256_connections_and_no_more(port: int, name: str) -> None:
    def connection() -> socket.socket:
        return stack.enter_context(socket.create_connection((ROUTER_IP, port), timeout=2))

    with ExitStack() as stack:
        held = [connection() for _ in range(256)]
        one_more = connection()
        assert one_more.recv(1) == b""
        held[0].settimeout(0.2)
        with pytest.raises(TimeoutError):
            held[0].recv(1)
    time.sleep(0.2)
    assert handshake(name, port)


def test_another_source_is_let_in_while_one_has_all_of_its_connections() -> None:
    with ExitStack() as stack:
        for _ in range(257):
            stack.enter_context(socket.create_connection((ROUTER_IP, 9786), timeout=2))
        other = socket.create_connection((ROUTER_IP, 9786), timeout=0.5, source_address=("127.77.0.9", 0))
        with stack.enter_context(other), pytest.raises(TimeoutError):
            other.recv(1)
    time.sleep(0.2)


def test_the_router_says_it_is_well() -> None:
    response, body = get("/healthz")
    assert (response.status, body) == (200, "ok\n")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/gate",
        f"/check/opendata.{ID}",
        "/services/dask-gateway/",
        "/services/dask-gateway/clusters/",
        f"/services/dask-gateway/clusters/other.{ID}/status",
        f"/services/dask-gateway/clusters/opendata.{ID}x/status",
        "/services/dask-gateway/clusters/opendata.hub/status",
        "/services/dask-gateway/../../hub/api",
    ],
)
def test_other_paths_are_not_found(path: str) -> None:
    assert get(path, Authorization="token owner")[0].status == 404


def test_the_api_gets_path_query_and_token_as_they_are() -> None:
    response, body = get(
        "/services/dask-gateway/api/v1/clusters/?status=RUNNING", Authorization="jupyterhub t"
    )
    assert response.status == 200
    assert body.startswith("8000 /services/dask-gateway/api/v1/clusters/?status=RUNNING\n")
    assert "Authorization: jupyterhub t" in body


def test_the_owner_sees_the_dashboard_without_the_prefix() -> None:
    response, body = get(f"{DASHBOARD}/individual%20plots?theme=dark", Authorization="token owner")
    assert response.status == 200
    assert body.startswith("8787 /individual%20plots?theme=dark\n")


def test_the_scheduler_gets_no_credentials_and_sets_no_cookies() -> None:
    response, body = get(f"{DASHBOARD}/status", Authorization="token owner", Cookie="service-dask-gateway=x")
    assert "authorization" not in body.lower()
    assert "cookie" not in body.lower()
    assert response.getheader("Set-Cookie") is None


def test_a_stranger_is_refused() -> None:
    response, body = get(f"{DASHBOARD}/status", Authorization="token stranger")
    assert response.status == 403
    assert "8787" not in body


def test_nobody_gets_the_gates_log_in() -> None:
    response, body = get(f"{DASHBOARD}/status?theme=dark")
    assert response.status == 200
    assert body.startswith(f"8001 {DASHBOARD}/status?theme=dark\n")


def test_the_way_back_from_the_log_in_leads_to_the_gate() -> None:
    assert get("/services/dask-gateway/oauth_callback?code=1")[1].startswith(
        "8001 /services/dask-gateway/oauth_callback?code=1\n"
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_dashboards_are_for_looking(method: str) -> None:
    response, _ = get(f"{DASHBOARD}/api/v1/retire_workers", method=method, Authorization="token owner")
    assert response.status == 403


def test_a_dashboard_of_a_cluster_that_is_gone_is_refused() -> None:
    path = f"/services/dask-gateway/clusters/opendata.{OTHER}/status"
    assert get(path, Authorization="token owner")[0].status == 403


@pytest.mark.parametrize(("token", "line"), [("owner", b"101"), ("stranger", b"403")])
def test_websockets_pass_for_the_owner(token: str, line: bytes) -> None:
    with socket.create_connection((ROUTER_IP, 8000), timeout=10) as plain:
        plain.sendall(
            f"GET {DASHBOARD}/status/ws HTTP/1.1\r\nHost: x\r\nAuthorization: token {token}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
        )
        head = plain.recv(2000)
        assert line in head.splitlines()[0]
        if token == "owner":
            plain.sendall(b"hello\n")
            assert plain.recv(100) == b"HELLO\n"


def test_logs_name_paths_but_no_secrets(log: Path) -> None:
    get(f"{DASHBOARD}/seen?token=s3cret", Authorization="token s3cret", Cookie="a=s3cret")
    get("/services/dask-gateway/oauth_callback?code=s3cret")
    time.sleep(0.2)
    text = log.read_text()
    assert f'GET "{DASHBOARD}/seen"' in text
    assert "s3cret" not in text + (log.parent / "error.log").read_text()
