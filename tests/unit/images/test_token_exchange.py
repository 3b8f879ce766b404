"""The program beside a session that gets its token from a site's token service, run as it runs there."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.unit.credentials.ca import Ca

PROGRAM = Path(__file__).parents[3] / "images/session/bin/condor-token-exchange"
ASSERTION = jwt.encode({"unixname": "ada"}, "k" * 32)


def id_token(**claims: Any) -> str:
    told = {"sub": "ada@accounts.site.example.org", "exp": int(time.time()) + 600} | claims
    return jwt.encode({name: value for name, value in told.items() if value is not None}, "k" * 32)


@dataclass
class Service:
    """A token service on loopback: what it answers, and what it was asked."""

    url: str
    ca: Path
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    answer: Any = None
    asked: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    ca = Ca()
    leaf = ca.leaf({"commonName": "localhost"}, "server_auth", dnsNames=["localhost"])
    for name, text in (("ca.pem", ca.pem), ("chain.pem", leaf.chain), ("key.pem", leaf.key)):
        (tmp_path / name).write_text(text)
    there = Service("", tmp_path / "ca.pem", answer={"token": id_token()})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            there.asked.append((self.path, self.headers["Authorization"]))
            body = json.dumps(there.answer).encode()
            self.send_response(there.status)
            for name, value in (there.headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    there.url = f"https://localhost:{server.server_port}/v1/token"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield there
    server.shutdown()


@dataclass(frozen=True)
class Session:
    """Where the program runs."""

    directory: Path

    @property
    def token(self) -> Path:
        return self.directory / "tokens.d" / "condor_token"

    def says(self, service: Service, *, assertion: str | None = ASSERTION, lines: int = 1) -> list[str]:
        """Run the program until it has said something, and return that."""
        file = self.directory / "assertion"
        if assertion:
            file.write_text(assertion)
        command = [
            "python3",
            "-IS",
            str(PROGRAM),
            service.url,
            str(file),
            str(service.ca),
            str(self.token.parent),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            said = [process.stdout.readline() for _ in range(lines)]
            process.kill()
        return said


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def test_the_token_is_the_users_alone_and_is_renewed_at_a_quarter_of_its_life(
    service: Service, session: Session
) -> None:
    (said,) = session.says(service)
    assert "the next one in 150 s" in said or "the next one in 149 s" in said
    assert session.token.read_text().strip() == service.answer["token"]
    assert session.token.stat().st_mode & 0o777 == 0o600
    assert session.token.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in session.token.parent.iterdir()] == ["condor_token"]
    assert service.asked == [("/v1/token", f"Bearer {ASSERTION}")]
    assert service.answer["token"] not in said


def test_a_token_that_ends_soon_is_renewed_while_it_is_good(service: Service, session: Session) -> None:
    service.answer = {"token": id_token(exp=int(time.time()) + 5)}
    said = session.says(service, lines=2)
    assert len(service.asked) == 2, said


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"token": "no token"}, "no IDTOKEN"),
        ({"other": 1}, "has no token"),
        ([], "has no token"),
        ({"token": id_token(sub="root@accounts.site.example.org")}, "not this user's"),
        ({"token": id_token(exp=None)}, "has no end"),
        ({"token": id_token(exp=1)}, "past it"),
    ],
)
def test_an_answer_that_is_no_token_of_the_users_is_refused(
    service: Service, session: Session, answer: Any, reason: str
) -> None:
    service.answer = answer
    (said,) = session.says(service)
    assert reason in said
    assert "again in 30 s" in said
    assert not session.token.exists()


def test_a_refusal_is_told_and_takes_nothing_away(service: Service, session: Session) -> None:
    session.says(service)
    held = session.token.read_text()
    service.status, service.headers = 429, {"Retry-After": "77"}
    (said,) = session.says(service)
    assert "429" in said
    assert "again in 77 s" in said
    assert session.token.read_text() == held
    assert ASSERTION not in said


def test_a_redirect_is_not_followed(service: Service, session: Session) -> None:
    service.status, service.headers = 302, {"Location": "/elsewhere"}
    (said,) = session.says(service)
    assert "302" in said
    assert [path for path, _ in service.asked] == ["/v1/token"]


def test_a_service_of_another_authority_hears_nothing(service: Service, session: Session) -> None:
    service.ca.write_text(Ca().pem)
    (said,) = session.says(service)
    assert "certificate verify failed" in said
    assert service.asked == []


def test_without_an_assertion_nobody_is_asked(service: Service, session: Session) -> None:
    (said,) = session.says(service, assertion=None)
    assert "this user has no assertion" in said
    assert service.asked == []


def test_it_says_how_it_is_called() -> None:
    done = subprocess.run(["python3", "-IS", str(PROGRAM)], capture_output=True, text=True, timeout=20)
    assert done.returncode
    assert "usage: condor-token-exchange URL ASSERTION CA DIRECTORY" in done.stderr
