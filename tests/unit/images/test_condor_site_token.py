"""The look at a site's token, run as the container runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

PROGRAM = Path(__file__).parents[3] / "images/condor/bin/condor-site-token"
LEVELS = ("READ", "ADVERTISE_MASTER", "ADVERTISE_SCHEDD")
SCOPE = " ".join(f"condor:/{level}" for level in LEVELS)


def token(**claims: Any) -> str:
    """Return a site's token; None leaves a claim out."""
    said = {"iss": "site.example.org", "sub": "bridge@site.example.org", "scope": SCOPE} | claims
    return jwt.encode({k: v for k, v in said.items() if v is not None}, "k" * 32, "HS256")


def look(tmp_path: Path, text: str) -> tuple[subprocess.Popen[str], Path]:
    given = tmp_path / "token"
    given.write_text(text)
    laid = tmp_path / "tokens.d"
    command = [sys.executable, str(PROGRAM), str(given), str(laid), "site.example.org"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), laid / "site"


@pytest.mark.parametrize("end", [None, int(time.time()) + 3600], ids=["no end", "an hour"])
def test_a_token_for_no_more_than_an_access_point_needs_is_laid_for_its_owner_alone(
    tmp_path: Path, end: int | None
) -> None:
    process, file = look(tmp_path, token(exp=end) + "\n")
    assert process.stdout
    assert process.stdout.readline() == "site token: taken\n"
    assert file.read_text() == token(exp=end) + "\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(scope=None), "everything its identity may do"),
        (token(scope=f"{SCOPE} condor:/WRITE"), "condor:/WRITE"),
        (token(scope="condor:/READ"), "ask the site for one with -authz READ"),
        (token(iss="pool.example.org"), "not of pool.site.trustDomain 'site.example.org'"),
        (token(exp=1), "its time is over"),
        ("", "it is no IDTOKEN"),
        ("a.b.c", "it is no IDTOKEN"),
        ("-----BEGIN PRIVATE KEY-----", "it is no IDTOKEN"),
    ],
    ids=["no scope", "more", "less", "issuer", "expired", "empty", "text", "key"],
)
def test_any_other_is_refused_and_says_why(tmp_path: Path, text: str, reason: str) -> None:
    process, file = look(tmp_path, text)
    _, said = process.communicate(timeout=10)
    assert process.returncode
    assert reason in said
    assert not file.exists()
    assert not text or text not in said
