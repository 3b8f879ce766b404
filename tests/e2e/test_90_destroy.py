"""Destroying keeps what holds data or identity, and the facility comes back as it was."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import facility as operator
from tests.e2e.facility import Facility, objects, pods, pulumi, run
from tests.e2e.person import Person, meet
from tests.e2e.server import Account

PROTECTED = {"hub-db", "ca-certificate", "hub-cookie-secret", "hub-crypt-key", "hub-proxy-token"}
"""Some of what must be named; the whole is in each resource's own declaration."""
WORD = uuid.uuid4().hex


def resources() -> list[dict[str, Any]]:
    """Return the resources of the stack's state."""
    return json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]


def protected(kept: list[dict[str, Any]]) -> list[str]:
    """Return the URNs of protected resources."""
    return [resource["urn"] for resource in kept if resource.get("protect")]


def needed(kept: list[dict[str, Any]], urns: list[str]) -> set[str]:
    """Return URNs and those of what they stand on: parents, providers, dependencies."""
    by_urn = {resource["urn"]: resource for resource in kept}
    found: set[str] = set()
    todo = list(urns)
    while todo:
        urn = todo.pop()
        if urn in found or urn not in by_urn:
            continue
        found.add(urn)
        resource = by_urn[urn]
        provider = resource.get("provider", "").rpartition("::")[0]
        todo += [resource.get("parent", ""), provider, *resource.get("dependencies", [])]
    return found


def names(found: list[dict[str, Any]]) -> set[str]:
    return {item["metadata"]["name"] for item in found}


def test_a_plain_destroy_is_refused_and_names_what_is_protected() -> None:
    before = {pod["metadata"]["uid"] for pod in pods()}
    done = pulumi("destroy", "--yes", check=False)
    said = done.stdout + done.stderr
    assert done.returncode
    assert "protect" in said
    assert {name for name in PROTECTED if name not in said} == set()
    # The engine does not reach what one that it may not delete stands on (the CA's key).
    kept = resources()
    named = [urn for urn in protected(kept) if f"'{urn}'" in said]
    assert set(protected(kept)) - needed(kept, named) == set()
    assert {pod["metadata"]["uid"] for pod in pods()} == before


@pytest.fixture(scope="module")
def destroyed(person: Person, facility: Facility) -> Iterator[set[str]]:
    """The facility but for what is protected; claims of volumes as they were. Afterwards it is up again."""
    account = person.account
    account.start_server()
    path = f"{facility.user_path(account.user)}api/contents/remembered.txt"
    saved = account.request("PUT", path, json={"type": "file", "format": "text", "content": WORD})
    assert saved.ok, saved.text
    before = names(objects("persistentvolumeclaims"))
    pulumi("destroy", "--yes", "--exclude-protected")
    yield before
    run("make", "up", timeout=1800)


def test_what_is_left_is_protected_or_stands_under_it(destroyed: set[str]) -> None:
    assert destroyed
    kept = resources()
    assert protected(kept)
    surplus = {resource["urn"] for resource in kept} - needed(kept, protected(kept))
    # The stack itself is always a resource.
    assert {urn for urn in surplus if "pulumi:pulumi:Stack" not in urn} == set()


def test_data_stays_and_programs_go(destroyed: set[str]) -> None:
    homes = {claim for claim in destroyed if claim.startswith("home-")}
    assert homes
    assert names(objects("persistentvolumeclaims")) >= homes | {"hub-db"}
    assert objects("deployments") == []
    operator.wait_for("the end of every pod", lambda: not pods() or None, 90)


def test_the_facility_comes_back_with_its_users_and_their_homes(
    destroyed: set[str], facility: Facility, request: pytest.FixtureRequest
) -> None:
    assert destroyed
    run("make", "up", timeout=1800)
    again = operator.facility()
    assert again.ca_certificate == facility.ca_certificate
    # Passwords are nobody's data: new ones are made, and the homes stay their owners'.
    person = meet(request.getfixturevalue("chromium"), again, facility.first_user)
    account: Account = person.account
    account.start_server()
    content = account.get(f"{facility.user_path(account.user)}api/contents/remembered.txt")["content"]
    assert content == WORD
    account.stop_server()
    pulumi("preview", "--expect-no-changes")
