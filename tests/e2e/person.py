"""A user of the facility: a browser that is logged in, and an API token."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

from tests.e2e.browser import log_in, request_token
from tests.e2e.facility import Facility
from tests.e2e.server import Account


@dataclass
class Person:
    """A user with a browser and an API token."""

    page: Page
    account: Account
    requested: list[str] = field(default_factory=list[str])
    """Addresses the page asked for."""
    errors: list[str] = field(default_factory=list[str])
    """What the pages wrote to the console as errors."""


def meet(chromium: Browser, facility: Facility, user: str) -> Person:
    """Log a user in, without a running server."""
    page = chromium.new_context().new_page()
    person = Person(page, Account(facility, user, ""))
    page.on("request", lambda request: person.requested.append(request.url))
    page.on("pageerror", lambda error: person.errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            person.errors.append(f"{message.text} ({message.location})") if message.type == "error" else None
        ),
    )
    log_in(page, facility, user)
    person.account = Account(facility, user, request_token(page, facility, "end-to-end tests"))
    person.account.stop_server()
    return person
