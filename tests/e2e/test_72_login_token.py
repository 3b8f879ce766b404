"""Data tokens that are the access tokens of log-ins, with the facility's own Dex for an issuer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.changes import changed
from tests.e2e.facility import Facility, execute, kubectl, pod_name, rollout, wait_for
from tests.e2e.person import meet
from tests.e2e.server import Account


def token(account: Account) -> str:
    """Return the data token in a user's session."""
    return execute(pod_name("session", account.user), "cat", "/etc/cmsaf-secrets-chown/access_token").stdout


def claims(token: str) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.fixture
def from_the_log_in() -> Iterator[None]:
    """The facility gives out the tokens of log-ins; afterwards it is as it was."""
    scopes = ["openid", "profile", "email", "offline_access"]
    with changed(credentials={"dataToken": "identity"}, identity={"scopes": scopes}):
        rollout("hub")
        yield
    rollout("hub")


@pytest.mark.usefixtures("from_the_log_in")
def test_a_session_holds_its_log_ins_token_and_gets_another_with_the_refresh_token(
    chromium: Browser, facility: Facility
) -> None:
    account = meet(chromium, facility, "colleague@example.org").account
    account.start_server()
    first = token(account)
    assert claims(first)["iss"] == f"{facility.url}/services/dex"
    assert claims(first)["email"] == account.user
    # A hub that comes back knows of no renewal, so it renews at its first look.
    kubectl("rollout", "restart", "deployment/hub")
    rollout("hub")
    wait_for("another token", lambda: token(account) not in (first, ""), 240, 2)
    assert claims(token(account))["iss"] == claims(first)["iss"]
    account.stop_server()
