"""Backup and restore, typed as the guide has them: the hub's database, then a facility that is gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.e2e import facility as operator
from tests.e2e.changes import hub_is_there
from tests.e2e.facility import Facility, kubectl, run
from tests.e2e.person import Person, meet
from tests.e2e.server import Account
from tests.guides import ROOT, under

GUIDE = ROOT / "docs" / "operator" / "backup.md"


@dataclass(frozen=True)
class Shell:
    """Where the guide's commands are typed."""

    backup: Path

    def types(self, *headings: str) -> str:
        """Type the blocks under some headings, and before them the names they use; return what they print."""
        blocks = [block for heading in ("Names", *headings) for block in under(GUIDE, heading, "sh")]
        script = "\n".join((f"BACKUP={self.backup}", *blocks))
        command = [sys.executable, "-m", "local", "shell", "--", "bash", "-euo", "pipefail", "-c", script]
        return run(*command, timeout=1800).stdout


def known(account: Account) -> bool:
    """Tell whether the hub knows an account's token."""
    status = account.request("GET", "/hub/api/user").status_code
    assert status in (200, 403), status
    return status == 200


def newer(account: Account) -> Account:
    """Return the account with a token that it makes now."""
    given = account.request("POST", f"{account.hub_path}/tokens", json={"note": "after the copy"})
    assert given.status_code == 201, given.text
    return Account(account.facility, account.user, given.json()["token"])


@pytest.fixture(scope="module")
def account(chromium: object, request: pytest.FixtureRequest) -> Account:
    """The first user, whom the hub knows before any copy; no server runs."""
    assert chromium
    there = operator.facility()
    person: Person = meet(request.getfixturevalue("chromium"), there, there.first_user)
    person.account.stop_server()
    return person.account


@pytest.fixture(scope="module")
def shell(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """An operator's shell, and in it a copy of the facility."""
    assert known(account)
    there = Shell(tmp_path_factory.mktemp("backup"))
    assert there.types("Copy").splitlines()[-1] == "ok"
    yield there
    # However the tests ended, what comes after them has a facility, and no pod that is not its own.
    kubectl("delete", "pod", "hub-restore", "--ignore-not-found", "--grace-period=1")
    run("make", "up", timeout=1800)


def test_a_copy_shows_no_secret_and_is_nobody_elses(shell: Shell, account: Account) -> None:
    files = {file.name: file for file in shell.backup.iterdir()}
    assert files.keys() == {"state.json", "Pulumi.opendata.yaml", "jupyterhub.sqlite"}
    for file in files.values():
        assert file.stat().st_mode & 0o077 == 0
        content = file.read_bytes()
        assert account.token.encode() not in content
        assert b"PRIVATE KEY" not in content


def test_the_hub_knows_what_it_knew_at_the_time_of_the_copy(shell: Shell, account: Account) -> None:
    later = newer(account)
    assert known(later)
    shell.types("Restore the hub's database")
    hub_is_there()
    assert known(account)
    assert not known(later)


def test_a_copy_that_is_damaged_is_refused(shell: Shell, account: Account, tmp_path: Path) -> None:
    whole = (shell.backup / "jupyterhub.sqlite").read_bytes()
    (tmp_path / "jupyterhub.sqlite").write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(AssertionError, match="malformed|not a database"):
            Shell(tmp_path).types("Restore the hub's database")
    finally:
        _, _, back = under(GUIDE, "Restore the hub's database", "sh")
        names = under(GUIDE, "Names", "sh")
        script = "\n".join((*names, back))
        run(sys.executable, "-m", "local", "shell", "--", "bash", "-c", script)
    hub_is_there()
    assert known(account)


def test_a_facility_that_is_gone_comes_back_with_its_keys_and_users(
    shell: Shell, account: Account, facility: Facility, request: pytest.FixtureRequest
) -> None:
    kubectl("delete", "namespace", operator.STACK, "--wait", "--timeout=300s")
    with pytest.raises(requests.RequestException):
        known(account)
    shell.types("Restore a facility", "Restore the hub's database")
    hub_is_there()
    again = operator.facility()
    assert again.ca_certificate == facility.ca_certificate
    assert known(account)
    assert known(meet(request.getfixturevalue("chromium"), again, again.first_user).account)
    # Homes were not brought back, so there is a new one.
    account.start_server()
    account.stop_server()
    operator.pulumi("preview", "--expect-no-changes")
