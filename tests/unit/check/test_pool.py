"""A site's pool: its collector, and the one token of the site's."""

from __future__ import annotations

import base64
import json
import socket
import stat
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from check.finding import Finding
from check.kubectl import Kubectl, KubectlError
from check.pool import answers
from settings import Settings
from tests.unit.check.conftest import settings

LEVELS = ("READ", "ADVERTISE_MASTER", "ADVERTISE_SCHEDD")
HERE = ["127.0.0.0/8", "::1/128"]
POOL = {"mode": "embedded", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}
SITE = {
    "trustDomain": "site.example.org",
    "tokenSecret": "site-token",
    "address": "pool.facility.example.org",
    "universe": "vanilla",
}


def token(*levels: str, **claims: Any) -> str:
    """Return a site's token."""
    scope = " ".join(f"condor:/{level}" for level in levels or LEVELS)
    return jwt.encode(
        {"iss": "site.example.org", "sub": "b@site", "scope": scope} | claims, "k" * 32, "HS256"
    )


class Cluster(Kubectl):
    """A cluster with one Secret, or none, or one that may not be seen."""

    def __init__(self, held: str | None, *, closed: bool = False) -> None:
        super().__init__("kubectl", None)
        self.held, self.closed, self.asked = held, closed, list[tuple[str, ...]]()

    def ask(self, *arguments: str) -> str:
        self.asked.append(arguments)
        if self.closed:
            raise KubectlError("secrets is forbidden")
        return base64.b64encode(self.held.encode()).decode() if self.held else ""


def facility(collector: str, cidrs: list[str] | None = None) -> Settings:
    return settings(
        daskRouter={"service": "LoadBalancer", "port": 8786},
        public={"url": "https://af.example.org"},
        pool=POOL | {"mode": "flock", "site": SITE | {"collector": collector, "cidrs": cidrs or HERE}},
    )


def look(collector: str, held: str | None = None, ping: Path | None = None, **cluster: Any) -> Finding:
    return answers(facility(collector), Cluster(held, **cluster), str(ping) if ping else None)


def test_a_facility_without_a_sites_pool_has_nothing_to_look_at() -> None:
    assert "no coffea-casa:pool" in answers(settings(), Cluster(None)).text
    own = answers(settings(pool=POOL), Cluster(None))
    assert own.verdict == "not applicable"
    assert "own namespace" in own.text


def test_a_sites_access_point_is_asked_for_without_a_token(collector: str) -> None:
    # SciTokens go to a name.
    here = collector.replace("127.0.0.1", "localhost")
    remote = {"collector": here, "cidrs": HERE, "schedd": "s@site", "universe": "vanilla"}
    pool = POOL | {"mode": "remote", "remote": remote | {"audience": "https://condor.site.example.org"}}
    front = {
        "daskRouter": {"service": "LoadBalancer", "port": 8786},
        "public": {"url": "https://af.example.org"},
    }
    found = answers(settings(**front, pool=pool), Cluster(None))
    assert found.verdict == "ok", found
    far = pool | {"remote": pool["remote"] | {"cidrs": ["198.51.100.0/24"]}}  # type: ignore[operator]
    found = answers(settings(**front, pool=far), Cluster(None))
    assert found.verdict == "FAILED"
    assert "coffea-casa:pool.remote.cidrs" in found.remedy


def test_a_collector_that_answers_and_a_token_for_what_is_needed_are_in_order(collector: str) -> None:
    found = look(collector, token(exp=int(time.time()) + 600))
    assert found.verdict == "ok"
    assert f"{collector} answers" in found.text
    assert "condor_ping is not here" in found.text


def test_the_token_is_asked_of_the_facilitys_namespace_and_not_told(collector: str) -> None:
    cluster, held = Cluster(token()), token()
    told = str(answers(facility(collector), cluster))
    (asked,) = cluster.asked
    assert asked[:4] == ("get", "secret", "site-token", "--namespace=site")
    assert held not in told
    assert held.split(".")[1] not in told


def test_nobody_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = look(f"localhost:{port}", token())
    assert found.verdict == "FAILED"
    assert "central manager runs" in found.remedy


def test_a_name_without_an_address_fails() -> None:
    found = look("cm.invalid", token())
    assert (found.verdict, found.text) == ("FAILED", "cm.invalid has no address")
    assert "pool.site.collector" in found.remedy


def test_a_collector_outside_of_the_sites_addresses_fails(collector: str) -> None:
    found = answers(facility(collector, ["198.51.100.0/24"]), Cluster(token()))
    assert found.verdict == "FAILED"
    assert "may not connect to" in found.text
    assert "pool.site.cidrs" in found.remedy


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (token(iss="pool.example.org"), "not of pool.site.trustDomain 'site.example.org'"),
        (token(*LEVELS, "WRITE"), "condor:/WRITE"),
        (token("READ"), "ask the site for one with -authz READ"),
        (token(exp=1), "its time is over"),
        ("-----BEGIN PRIVATE KEY-----", "it is no IDTOKEN"),
    ],
    ids=["issuer", "more", "less", "expired", "no token"],
)
def test_a_token_that_the_access_point_would_refuse_fails_with_its_reason(
    collector: str, held: str, reason: str
) -> None:
    found = look(collector, held)
    assert found.verdict == "FAILED"
    assert reason in found.text
    assert "put another one into site-token" in found.remedy
    assert held not in str(found)


def test_a_token_that_is_not_there_or_not_for_our_eyes_is_said(collector: str) -> None:
    assert "not there yet (site-token)" in look(collector).text
    assert "forbidden" in look(collector, closed=True).text


def test_a_secret_that_is_no_text_is_said_without_it(collector: str) -> None:
    class Odd(Cluster):
        def ask(self, *arguments: str) -> str:
            return base64.b64encode(b"\xff\xfe").decode()

    assert "the key token of site-token is no text" in answers(facility(collector), Odd(None)).text


PING = """#!{python}
import os, pathlib, sys
config = dict(
    line.split(" = ") for line in pathlib.Path(os.environ["CONDOR_CONFIG"]).read_text().splitlines()
    if " = " in line
)
(file,) = pathlib.Path(config["SEC_TOKEN_DIRECTORY"]).iterdir()
told = dict(words=sys.argv[1:], token=file.read_text(), mode=file.stat().st_mode & 0o777, config=config)
told["variables"] = [name for name in os.environ if name.startswith("_CONDOR_")]
import json
pathlib.Path({told!r}).write_text(json.dumps(told))
print({says!r}); sys.exit({status})
"""


def ping(tmp_path: Path, status: int, says: str = "") -> Path:
    """Write a program that keeps what it was asked."""
    program = tmp_path / "condor_ping"
    told = str(tmp_path / "told.json")
    program.write_text(PING.format(python=sys.executable, told=told, says=says, status=status))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_condor_ping_asks_for_read_with_the_token_alone(
    collector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CONDOR_SEC_TOKEN_DIRECTORY", "/home/operator/.condor/tokens.d")
    held = token()
    found = look(collector, held, ping(tmp_path, 0))
    assert (found.verdict, found.text) == ("ok", f"the collector {collector} answers; it takes the token")
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["words"] == ["-pool", collector, "-type", "COLLECTOR", "READ"]
    assert (told["token"], told["mode"], told["variables"]) == (f"{held}\n", 0o600, [])
    assert told["config"]["SEC_CLIENT_AUTHENTICATION_METHODS"] == "IDTOKENS"
    assert not Path(told["config"]["SEC_TOKEN_DIRECTORY"]).exists()


def test_a_collector_that_refuses_the_token_fails_with_what_was_said(collector: str, tmp_path: Path) -> None:
    found = look(collector, token(), ping(tmp_path, 1, "READ failed! DENIED"))
    assert found.verdict == "FAILED"
    assert "does not grant READ to the token: READ failed! DENIED" in found.text
    assert "ALLOW_READ" in found.remedy


def test_a_condor_ping_that_cannot_be_run_fails(collector: str, tmp_path: Path) -> None:
    assert look(collector, token(), tmp_path / "none").verdict == "FAILED"
