"""The whole protocol: the real service on loopback, with a real CA and real TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio
from cryptography import x509

from services.credentials import api, server
from services.credentials.bundle import Mint
from services.credentials.server import Addresses
from tests.unit.credentials.ca import Ca, Leaf
from tests.unit.credentials.conftest import CACHE, ISSUER, SETTINGS
from tests.unit.credentials.running import HUB, Caller, deploy

LOOPBACK = Addresses("127.0.0.1", 0, 0)
Lines = Callable[[], list[dict[str, Any]]]


@pytest_asyncio.fixture
async def addresses(tmp_path: Path, ca: Ca) -> AsyncGenerator[Addresses]:
    """The running service."""
    (tmp_path / "places").mkdir()
    async with server.serving(deploy(tmp_path / "places", ca, SETTINGS), LOOPBACK) as found:
        yield found


Make = Callable[[Leaf | None], Caller]


@pytest.fixture
def caller(addresses: Addresses, ca: Ca, tmp_path: Path) -> Make:
    """Make a caller with a certificate, or with none."""
    return lambda leaf: Caller(addresses, ca, tmp_path / "caller", leaf)


@pytest.fixture
def hub(caller: Make, ca: Ca) -> Caller:
    """The hub."""
    return caller(ca.leaf(HUB, "client_auth"))


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Lines:
    """The audit trail since it was last looked at."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_the_hub_gets_a_bundle_that_verifiers_accept(hub: Caller, ca: Ca) -> None:
    answer = await hub.bundle()
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"files", "expires"}
    assert set(answer.json["files"]) == {"ca.pem", "hostcert.pem", "usercert.pem", "access_token"}
    configuration = (await hub.discover("/.well-known/openid-configuration")).json
    assert configuration["issuer"] == ISSUER
    assert configuration["jwks_uri"] == f"{ISSUER}/jwks"
    keys = jwt.PyJWKSet.from_dict((await hub.discover("/jwks")).json)
    token = answer.json["files"]["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, keys[kid], algorithms=["ES256"], audience=CACHE, issuer=ISSUER)
    assert claims["sub"] == "ada@example.org"
    assert claims["exp"] == answer.json["expires"]["access_token"]


async def test_old_present_and_next_keys_are_published_to_anybody(caller: Make) -> None:
    answer = await caller(None).discover("/jwks")
    assert answer.status == 200
    assert "max-age=300" in answer.headers["Cache-Control"]
    assert len({key["kid"] for key in answer.json["keys"]}) == 3
    assert not [key for key in answer.json["keys"] if "d" in key]


async def test_anybody_may_ask_whether_the_service_lives(caller: Make) -> None:
    assert (await caller(None).discover("/healthz")).status == 200


@pytest.mark.parametrize(("path", "status"), [("/v1/bundles", 404), ("/", 404), ("/jwks/../keys", 404)])
async def test_the_public_port_signs_nothing(caller: Make, path: str, status: int) -> None:
    assert (await caller(None).discover(path, "POST")).status == status


async def refused_by_tls(caller: Caller) -> None:
    """With TLS 1.3 a client hears of it when it reads, not in the handshake."""
    with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
        await caller.bundle()


async def test_without_a_certificate_there_is_no_connection(caller: Make, audit: Lines) -> None:
    await refused_by_tls(caller(None))
    (line,) = audit()
    assert (line["outcome"], line["status"]) == ("refused", 0)
    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in line["reason"]


async def test_an_expired_certificate_is_refused(caller: Make, ca: Ca, audit: Lines) -> None:
    await refused_by_tls(caller(ca.leaf(HUB, "client_auth", hours=0)))
    (line,) = audit()
    assert "expired" in line["reason"]


async def test_a_certificate_of_another_ca_of_the_same_name_is_refused(caller: Make, audit: Lines) -> None:
    await refused_by_tls(caller(Ca().leaf(HUB, "client_auth")))
    assert [line["outcome"] for line in audit()] == ["refused"]


@pytest.mark.parametrize("uses", [("server_auth",), ("code_signing",)])
async def test_a_certificate_that_is_not_for_clients_is_refused(
    caller: Make, ca: Ca, uses: tuple[str, ...], audit: Lines
) -> None:
    await refused_by_tls(caller(ca.leaf(HUB, *uses)))
    assert "purpose" in audit()[0]["reason"]


@pytest.mark.parametrize(
    "subject",
    [
        {"commonName": "proxy", "organization": "Coffea-casa"},
        {"commonName": "Hub", "organization": "Coffea-casa"},
        {"commonName": "hub"},
        {"organization": "Coffea-casa"},
        {"commonName": "hub", "organization": "Coffea-casa users"},
        {"commonName": "hub", "organization": "Coffea-casa", "organizationalUnit": "x"},
        {"commonName": "hub", "organization": ["Coffea-casa", "Coffea-casa users"]},
        {"commonName": "hub", "organization": "Coffea-casa\0"},
        {"commonName": "hub", "organizationalUnit": "Coffea-casa"},
    ],
    ids=str,
)
async def test_another_subject_is_not_the_hub(
    caller: Make, ca: Ca, subject: dict[str, Any], audit: Lines
) -> None:
    answer = await caller(ca.leaf(subject, "client_auth")).bundle()
    assert (answer.status, answer.json) == (403, {"error": "this certificate is not the hub's"})
    (line,) = audit()
    assert (line["outcome"], line["status"]) == ("refused", 403)
    assert "user" not in line


@pytest.mark.parametrize("file", ["hostcert.pem", "usercert.pem"])
@pytest.mark.parametrize("user", ["hub", "ada@example.org"])
async def test_no_users_certificate_is_the_hubs(
    hub: Caller, caller: Make, ca: Ca, file: str, user: str
) -> None:
    pem = (await hub.bundle(user=user, slug="hub")).json["files"][file]
    key, mark, chain = pem.partition("-----BEGIN CERTIFICATE-----")
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert "Coffea-casa users" in certificate.subject.rfc4514_string()
    answer = await caller(Leaf(key, mark + chain + ca.pem)).bundle()
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/v1/bundles/", "/healthz", "/.well-known/openid-configuration"])
async def test_no_other_path_of_the_api_answers(hub: Caller, path: str) -> None:
    assert (await hub.api("GET", path)).status == 404


async def test_a_stranger_does_not_learn_which_paths_there_are(caller: Make, ca: Ca) -> None:
    stranger = caller(ca.leaf({"commonName": "x", "organization": "Coffea-casa users"}, "client_auth"))
    assert [(await stranger.api("GET", path)).status for path in ("/", "/v1/bundles")] == [403, 403]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_bundles_are_asked_for_by_post(hub: Caller, method: str) -> None:
    answer = await hub.api(method, "/v1/bundles")
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is no JSON"),
        (b"[1]", "the body is no JSON object"),
        (b"[" * 4000, "the body is no JSON"),
        (b'{"user":"ada"}', "slug is missing"),
        (b'{"user":"ada","slug":"ada","scope":"storage.modify:/"}', "unknown fields: 'scope'"),
        (b'{"user":"ada","slug":"Ada"}', "slug is no DNS label"),
        (b'{"user":7,"slug":"ada"}', "user is no text"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    hub: Caller, body: bytes, reason: str, audit: Lines
) -> None:
    answer = await hub.post(body)
    assert answer.status == 400
    assert answer.json["error"].startswith(reason)
    (line,) = audit()
    assert (line["outcome"], line["status"], line["reason"]) == ("refused", 400, answer.json["error"])
    assert line["caller"] == "organizationName=Coffea-casa, commonName=hub"


async def test_a_form_is_no_request(hub: Caller) -> None:
    answer = await hub.post(b'{"user":"ada","slug":"ada"}', "application/x-www-form-urlencoded")
    assert answer.status == 400
    assert "application/json" in answer.json["error"]


@pytest.mark.parametrize(("length", "status"), [(4096, 200), (4097, 413), (1_000_000, 413)])
async def test_a_long_request_is_refused(hub: Caller, length: int, status: int) -> None:
    body = b'{"user":"ada","slug":"ada"}'
    assert (await hub.post(body + b" " * (length - len(body)))).status == status


async def test_a_long_request_in_chunks_is_refused(hub: Caller, addresses: Addresses) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(100):
            yield b" " * 100

    url = f"https://127.0.0.1:{addresses.api_port}/v1/bundles"
    headers = {"Content-Type": "application/json"}
    assert (await hub.ask("POST", url, data=chunks(), headers=headers)).status == 413


async def test_a_body_that_does_not_come_is_not_waited_for(
    hub: Caller, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_BODY_SECONDS", 0.1)

    async def silence() -> AsyncGenerator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    url = f"https://127.0.0.1:{addresses.api_port}/v1/bundles"
    headers = {"Content-Type": "application/json"}
    assert (await hub.ask("POST", url, data=silence(), headers=headers)).status == 408


async def test_a_hundred_requests_at_once_are_all_answered(hub: Caller) -> None:
    answers = await asyncio.gather(*(hub.bundle(user=f"u{n}", slug=f"u{n}") for n in range(100)))
    assert [answer.status for answer in answers] == [200] * 100
    tokens = [
        jwt.decode(a.json["files"]["access_token"], options={"verify_signature": False}) for a in answers
    ]
    assert [token["sub"] for token in tokens] == [f"u{n}" for n in range(100)]
    assert len({token["jti"] for token in tokens}) == 100


async def test_beyond_the_rate_a_caller_is_told_when_to_come_back(
    tmp_path: Path, ca: Ca, monkeypatch: pytest.MonkeyPatch, audit: Lines
) -> None:
    monkeypatch.setattr(server, "RATE", 0.5)
    monkeypatch.setattr(server, "BURST", 3)
    (tmp_path / "places").mkdir()
    async with server.serving(deploy(tmp_path / "places", ca, SETTINGS), LOOPBACK) as addresses:
        hub = Caller(addresses, ca, tmp_path / "hub", ca.leaf(HUB, "client_auth"))
        answers = [await hub.bundle() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2
    assert audit()[-1]["outcome"] == "refused"


async def test_signing_does_not_keep_the_event_loop(
    hub: Caller, caller: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    minted = Mint.bundle

    def slowly(self: Mint, *arguments: Any) -> Any:
        time.sleep(0.5)
        return minted(self, *arguments)

    monkeypatch.setattr(Mint, "bundle", slowly)
    waiting = asyncio.create_task(hub.bundle())
    await asyncio.sleep(0.1)
    # The same loop as the service's: it would not answer while something signs on it.
    assert (await caller(None).discover("/healthz")).status == 200
    assert not waiting.done()
    assert (await waiting).status == 200


async def test_a_bundle_leaves_one_line_without_a_secret(
    hub: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await hub.bundle()
    out, err = capsys.readouterr()
    line = json.loads(out)
    assert (line["outcome"], line["user"], line["slug"]) == ("issued", "ada@example.org", "ada")
    assert line["caller"] == "organizationName=Coffea-casa, commonName=hub"
    assert line["expires"] == answer.json["expires"]
    token = jwt.decode(answer.json["files"]["access_token"], options={"verify_signature": False})
    assert line["token"]["jti"] == token["jti"]
    assert line["token"]["scope"] == token["scope"]
    for name in ("hostcert.pem", "usercert.pem"):
        serial = x509.load_pem_x509_certificate(answer.json["files"][name].encode()).serial_number
        assert int(line["serials"][name], 16) == serial
    for secret in answer.json["files"]["access_token"].split("."):
        assert secret not in out + err
    assert "BEGIN" not in out + err


async def test_an_error_inside_tells_nothing_of_it(
    hub: Caller, monkeypatch: pytest.MonkeyPatch, audit: Lines
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the key is 12345")

    monkeypatch.setattr(Mint, "bundle", fail)
    answer = await hub.bundle()
    assert (answer.status, answer.json) == (500, {"error": "internal error"})
    (line,) = audit()
    assert line["outcome"] == "failed"
    assert "12345" not in json.dumps(line)


async def test_with_an_expired_ca_the_caller_is_told_so(hub: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(api.time, "time", lambda: now + 20 * 365 * 86400)
    answer = await hub.bundle()
    assert (answer.status, answer.json["error"]) == (503, "the facility's CA has expired")


async def test_nobody_forges_a_line_of_the_trail(hub: Caller, audit: Lines) -> None:
    await hub.post(json.dumps({"user": 'x","outcome":"issued', "slug": "ada", "a\nb": 1}).encode())
    (line,) = audit()
    assert line["outcome"] == "refused"
