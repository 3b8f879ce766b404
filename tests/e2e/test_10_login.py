"""From the facility's address to a notebook, in a browser, through OIDC."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Page

from tests.e2e.browser import submit_password
from tests.e2e.facility import Facility
from tests.e2e.person import Person
from tests.e2e.server import Server

LOGGED_IN = "jupyterhub-hub-login"
"""The hub's cookie of a user who is logged in."""


def cookies(page: Page) -> set[str]:
    return {cookie.get("name", "") for cookie in page.context.cookies()}


def test_the_certificate_is_good_with_the_facilitys_ca_and_no_other(facility: Facility) -> None:
    assert requests.get(f"{facility.url}/hub/health", verify=str(facility.ca_file), timeout=30).ok
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{facility.url}/hub/health", timeout=30)


def test_a_wrong_password_is_refused(stranger_page: Page, facility: Facility) -> None:
    submit_password(stranger_page, facility, facility.first_user, "not-the-password")
    stranger_page.get_by_text("Invalid").wait_for()
    assert urlsplit(stranger_page.url).path.startswith("/services/dex/")
    assert LOGGED_IN not in cookies(stranger_page)


def test_a_user_who_is_not_allowed_is_refused_and_told_so(stranger_page: Page, facility: Facility) -> None:
    user = "stranger@example.org"
    with stranger_page.expect_response(lambda response: "/hub/oauth_callback" in response.url) as answer:
        submit_password(stranger_page, facility, user, facility.passwords[user])
    assert answer.value.status == 403
    stranger_page.get_by_text("not on this facility's list of users").first.wait_for()
    assert LOGGED_IN not in cookies(stranger_page)


def test_the_log_in_uses_pkce(person: Person) -> None:
    (asked, *_) = [url for url in person.requested if "/services/dex/auth?" in url]
    query = parse_qs(urlsplit(asked).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43


def test_jupyterlab_opens_a_notebook_without_a_console_error(notebook: Server, person: Person) -> None:
    assert notebook.kernel
    assert person.errors == []


def test_code_runs_in_the_kernel_as_an_ordinary_user_in_a_home_that_stays(notebook: Server) -> None:
    facts = notebook.value(
        "import os, pathlib", "[os.getuid(), str(pathlib.Path.home()), os.path.ismount(pathlib.Path.home())]"
    )
    assert facts == [1000, "/home/jovyan", True]


def test_no_service_account_token_is_in_the_session(notebook: Server) -> None:
    path = Path("/var/run/secrets/kubernetes.io")
    assert notebook.value("import os", f"os.path.exists({str(path)!r})") is False
