"""Chromium that trusts the facility's CA, and what a person does with it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.facility import Facility

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 300
"""Seconds a server may take to start; the facility's own limit."""


def trust(home: Path, ca_file: Path) -> None:
    """Make Chromium with this HOME trust a CA: it reads the user's NSS database."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "facility", "-i", str(ca_file)], check=True)


@contextmanager
def chromium(ca_file: Path | None) -> Generator[Browser, None, None]:
    """Start Chromium, which checks every certificate; without ``ca_file`` it trusts public CAs only."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, sync_playwright() as playwright:
        if ca_file:
            trust(Path(home), ca_file)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(ARGUMENTS), env={**os.environ, "HOME": home}
        )
        yield browser
        browser.close()


def submit_password(page: Page, facility: Facility, user: str, password: str) -> None:
    """Go from the facility's address through its log-in button to Dex and give name and password."""
    page.goto(f"{facility.url}/hub/login")
    page.locator("a.btn, button").filter(has_text="Sign in").first.click()
    page.locator("input[name=login]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()


def log_in(page: Page, facility: Facility, user: str) -> None:
    """Log in; the page ends where the hub sends users after that."""
    submit_password(page, facility, user, facility.passwords[user])
    page.wait_for_url(f"{facility.url}/**", timeout=60_000)


def start_server(page: Page, facility: Facility, user: str, profile: str) -> None:
    """Choose a profile, start the server and wait for JupyterLab."""
    page.goto(f"{facility.url}/hub/spawn")
    page.locator(f"input[type=radio][value={profile}]").check()
    page.locator("#spawn_form [type=submit]").click()
    lab = f"{facility.url}{facility.user_path(user)}lab"
    page.wait_for_url(lambda url: url.replace("%40", "@").startswith(lab), timeout=PATIENCE * 1000)
    # JupyterLab restores what was open the last time, and asks about its kernels in a dialog.
    page.goto(f"{lab}?reset")
    page.locator("#jp-main-dock-panel").wait_for(timeout=120_000)


def open_notebook(page: Page) -> None:
    """Open a new notebook from JupyterLab's launcher."""
    page.locator("[data-command='launcher:create'], [data-jp-item-name=new-launcher]").first.click(
        timeout=60_000
    )
    page.locator(".jp-LauncherCard[data-category=Notebook]:visible").first.click(timeout=60_000)
    page.locator(".jp-NotebookPanel:visible .jp-Cell").first.wait_for(timeout=60_000)


def request_token(page: Page, facility: Facility, note: str) -> str:
    """Ask for an API token on the hub's token page, as a user does."""
    # Until the page's own script has come, its button would only load the page again.
    page.goto(f"{facility.url}/hub/token", wait_until="networkidle")
    page.locator("#token-note").fill(note)
    page.locator("#request-token-form [type=submit]").click()
    result = page.locator("#token-result")
    result.wait_for()
    return result.inner_text().strip()
