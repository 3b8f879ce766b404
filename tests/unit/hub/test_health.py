"""What the health check's service may do, asked of a real JupyterHub."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from health.account import Account, AnswerError
from services.hub.services import roles, services
from services.hub.settings import HubSettings, HubSettingsError, load
from tests.unit.hub.conftest import SETTINGS
from tests.unit.hub.health_hub import HEALTH

ROOT = Path(__file__).parents[3]
TOKEN = "t" * 64
ADA = "ada"


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    url: str
    ca_file: Path | None = None


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """In a process of its own: JupyterHub's application is a singleton."""
    directory = tmp_path_factory.mktemp("hub")
    out, errors = directory / "out", directory / "err"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.hub.health_hub", str(directory), TOKEN],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=out.open("w"),
        stderr=errors.open("w"),
    ) as process:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://\S+", out.read_text())):
            assert process.poll() is None and time.monotonic() < end, errors.read_text()[-3000:]
            time.sleep(0.1)
        yield Hub(found[0])
        process.terminate()


@pytest.fixture
def account(hub: Hub) -> Account:
    """The service, on its user's behalf."""
    return Account(hub, HEALTH.user, TOKEN)


def log_in(hub: Hub, name: str) -> requests.Response:
    """Log somebody in at the hub's own form."""
    browser = requests.Session()
    browser.headers["Sec-Fetch-Mode"] = "navigate"
    browser.get(f"{hub.url}/hub/login")
    form = {"username": name, "password": "x", "_xsrf": browser.cookies.get("_xsrf", path="/hub/")}
    return browser.post(f"{hub.url}/hub/login", data=form, allow_redirects=False)


def test_the_hub_knows_the_service_and_has_made_its_user(account: Account) -> None:
    assert account.get("/hub/api/user")["name"] == "health"
    assert account.get(account.hub_path)["name"] == HEALTH.user


def test_the_service_starts_uses_and_stops_its_users_server(account: Account) -> None:
    scopes = account.get("/hub/api/user")["scopes"]
    assert f"access:servers!user={HEALTH.user}" in scopes
    assert account.request("POST", f"{account.hub_path}/server", json={}).status_code == 201
    assert account.get(account.hub_path)["servers"]
    account.stop_server()
    assert not account.get(account.hub_path)["servers"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/hub/api/users/{ADA}/server"),
        ("DELETE", f"/hub/api/users/{ADA}/server"),
        ("GET", f"/hub/api/users/{ADA}"),
        ("POST", "/hub/api/users/somebody"),
        ("DELETE", f"/hub/api/users/{HEALTH.user}"),
        ("POST", f"/hub/api/users/{HEALTH.user}/tokens"),
        ("GET", "/hub/api/users"),
        ("GET", "/hub/api/groups"),
        ("GET", "/hub/api/proxy"),
        ("POST", "/hub/api/shutdown"),
    ],
)
def test_the_service_may_do_nothing_else(hub: Hub, account: Account, method: str, path: str) -> None:
    assert log_in(hub, ADA).status_code == 302
    assert account.request(method, path, json={}).status_code in (403, 404)


def test_another_token_gets_nowhere(hub: Hub) -> None:
    with pytest.raises(AnswerError, match="GET /hub/api/user: 403"):
        Account(hub, HEALTH.user, "u" * 64).get("/hub/api/user")


def test_nobody_logs_in_by_the_health_users_name(hub: Hub) -> None:
    assert log_in(hub, "grace").status_code == 302
    for name in (HEALTH.user, HEALTH.user.upper()):
        refused = log_in(hub, name)
        assert refused.status_code == 403
        assert "the facility&#39;s own" in refused.text or "the facility's own" in refused.text


def test_without_the_setting_there_is_neither_service_nor_role(settings: HubSettings) -> None:
    assert settings.health is None
    assert "health" not in {service["name"] for service in services(settings, str)}
    assert not [role for role in roles(settings) if "health" in role["name"]]


def test_with_it_there_are_both(settings: HubSettings) -> None:
    object.__setattr__(settings, "health", HEALTH)
    (found,) = [service for service in services(settings, lambda name: f"of {name}") if "url" not in service][
        1:
    ]
    assert found["api_token"] == "of health-token"
    assert {"health", "health-user"} <= {role["name"] for role in roles(settings)}


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    data = json.loads(SETTINGS.read_text()) | {"health": {"user": "a", "tokenFile": "b", "more": 1}}
    (tmp_path / "settings.json").write_text(json.dumps(data))
    with pytest.raises(HubSettingsError, match="health: .*more"):
        load(tmp_path / "settings.json")
