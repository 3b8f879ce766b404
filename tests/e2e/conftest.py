"""What the end-to-end tests share: the facility, a person's browser, a notebook and a Dask cluster.

The files run in the order of their numbers and each fixture does what it needs by
itself, so any file can be run alone. Without a facility everything fails: nothing is skipped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from health.account import user_path
from tests.e2e import browser as chrome
from tests.e2e import facility as operator
from tests.e2e.facility import STATE, Facility
from tests.e2e.person import Person, meet
from tests.e2e.server import NEW_CLUSTER, Account, Server

COLLEAGUE = "colleague@example.org"
FIGURES = STATE / "e2e-figures.json"
_figures: dict[str, Any] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, and keep it."""
    if _figures:
        FIGURES.write_text(json.dumps(_figures, indent=2) + "\n")
        terminalreporter.section(f"figures, also in {FIGURES}")
        terminalreporter.write_line(json.dumps(_figures, indent=2))


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """Measured values, name with unit to value."""
    return _figures


@pytest.fixture(scope="session")
def facility() -> Facility:
    """The facility that `make up` made, with the users of overrides.yaml."""
    return operator.facility()


@pytest.fixture(scope="session")
def chromium(facility: Facility) -> Iterator[Browser]:
    """A browser that trusts the facility's CA besides the public ones."""
    with chrome.chromium(facility.ca_file) as browser:
        yield browser


@pytest.fixture
def stranger_page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser that has never been here."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def person(chromium: Browser, facility: Facility) -> Person:
    """The first user, logged in."""
    return meet(chromium, facility, facility.first_user)


@pytest.fixture(scope="session")
def colleague(chromium: Browser, facility: Facility) -> Person:
    """Another user who is allowed in, with a running server."""
    other = meet(chromium, facility, COLLEAGUE)
    other.account.start_server()
    return other


def idle_kernel(account: Account) -> str | None:
    """Return the kernel of the open notebook once it waits for work."""
    sessions = account.get(f"{user_path(account.user)}api/sessions")
    kernels = [session["kernel"] for session in sessions]
    return next((kernel["id"] for kernel in kernels if kernel["execution_state"] == "idle"), None)


@pytest.fixture(scope="session")
def notebook(person: Person, facility: Facility, figures: dict[str, Any]) -> Server:
    """The first user's notebook, opened by hand in JupyterLab; its kernel."""
    account = person.account
    start = time.monotonic()
    chrome.start_server(person.page, facility, account.user, profile="small")
    figures["click to JupyterLab (s)"] = round(time.monotonic() - start, 1)
    chrome.open_notebook(person.page)
    kernel = operator.wait_for("an idle kernel", lambda: idle_kernel(account), 120, pause=0.2)
    figures["click to notebook ready (s)"] = round(time.monotonic() - start, 1)
    return Server(account, kernel)


@pytest.fixture(scope="session")
def cluster(notebook: Server, figures: dict[str, Any]) -> str:
    """A Dask cluster with two workers, which the notebook knows as `cluster` and `client`; its name."""
    started, ready = notebook.value(NEW_CLUSTER, "times", seconds=600)
    figures["new_cluster() to scheduler ready (s)"] = round(started, 1)
    figures["new_cluster() to 2 workers (s)"] = round(ready, 1)
    return notebook.value("", "cluster.name")
