"""The life of a stack with the stand-in plugins; the tests follow one another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from tests.engine.plugins.conftest import COLOURLESS, Stack
from tests.unit.plugins.conftest import write
from tests.unit.plugins.handshake import handshake

SECRET_OUTPUTS = ("password", "hash", "caKey", "key")


@pytest.fixture(scope="module")
def first(stack: Stack) -> Iterator[dict[str, str]]:
    """The outputs of a first `up`."""
    assert "7 created" in stack.up()
    yield stack.outputs()


def test_up_makes_a_password_with_its_hash(first: dict[str, str]) -> None:
    assert len(first["password"]) == 20
    assert bcrypt.checkpw(first["password"].encode(), first["hash"].encode())


def test_up_makes_a_certificate_that_a_strict_client_accepts(first: dict[str, str], tmp_path: Path) -> None:
    files = write(tmp_path, ca=first["ca"], certificate=first["certificate"], key=first["key"])
    handshake(files.chain, files.key, files.ca, "hub", strict=True)


def test_secret_outputs_are_not_shown(stack: Stack, first: dict[str, str]) -> None:
    shown = json.loads(stack.run("stack", "output", "--json"))
    assert {name for name, value in shown.items() if value == "[secret]"} == set(SECRET_OUTPUTS)
    assert shown["ca"] == first["ca"]


def test_the_state_holds_secrets_as_ciphertext_only(stack: Stack, first: dict[str, str]) -> None:
    state = stack.state()
    assert "ciphertext" in state and "PRIVATE KEY" not in state
    for name in SECRET_OUTPUTS:
        # A PEM text is in JSON with its line ends written out; one line of it is telling enough.
        line = first[name].splitlines()[min(1, len(first[name].splitlines()) - 1)]
        assert line not in state, name
        assert json.dumps(line)[1:-1] not in state, name


def test_nothing_changes_without_a_change(stack: Stack, first: dict[str, str]) -> None:
    stack.run("preview", "--expect-no-changes", *COLOURLESS)
    stack.run("refresh", "--yes", "--expect-no-changes", *COLOURLESS)
    stack.run("preview", "--expect-no-changes", *COLOURLESS)
    assert stack.outputs() == first


@pytest.mark.parametrize(
    ("settings", "name", "reason"),
    [
        ({"length": -1}, "length", "must be at least 1, got -1"),
        ({"use": "serving"}, "allowedUses", "'serving' is none of any_extended,"),
    ],
)
def test_bad_inputs_are_refused_in_the_preview(
    stack: Stack, first: dict[str, str], settings: dict[str, object], name: str, reason: str
) -> None:
    stack.configure(**settings)
    done = stack.call("preview", *COLOURLESS)
    assert done.returncode != 0
    assert re.search(f"property {name} .*{re.escape(reason)}", done.stdout), done.stdout


def test_another_type_is_refused_with_what_to_do(stack: Stack, first: dict[str, str]) -> None:
    stack.configure(pet=True)
    done = stack.call("preview", *COLOURLESS)
    assert done.returncode != 0
    assert "random:index/randomPet:RandomPet is not one of the types this stand-in has" in done.stdout
    assert "install the official plugin" in done.stdout


def test_another_length_replaces_the_password_alone(stack: Stack, first: dict[str, str]) -> None:
    stack.configure(length=30)
    assert set(stack.steps()) == {"password"}
    stack.up(length=30)
    second = stack.outputs()
    assert len(second["password"]) == 30
    unchanged = ("caKey", "key", "ca", "certificate")
    assert [second[name] for name in unchanged] == [first[name] for name in unchanged]


def test_another_early_renewal_updates_in_place(stack: Stack, first: dict[str, str]) -> None:
    stack.configure(length=30, earlyRenewalHours=10)
    assert stack.steps() == {"server": "update"}
    stack.up(length=30, earlyRenewalHours=10)
    assert stack.outputs()["certificate"] == first["certificate"]
    stack.run("preview", "--expect-no-changes", *COLOURLESS)


def test_a_certificate_in_its_last_hours_is_made_anew(stack: Stack, first: dict[str, str]) -> None:
    stack.up(length=30, earlyRenewalHours=1000)
    renewed = stack.outputs()
    assert renewed["certificate"] != first["certificate"]
    assert (renewed["ca"], renewed["key"]) == (first["ca"], first["key"])


def test_destroy_names_what_is_protected_and_leaves_it(stack: Stack, first: dict[str, str]) -> None:
    stack.up(length=30, protect=True)
    before = stack.outputs()["password"]
    done = stack.call("destroy", "--yes", "--skip-preview", *COLOURLESS)
    assert done.returncode != 0
    assert "::password" in done.stdout and "protect" in done.stdout
    assert stack.outputs()["password"] == before


def test_destroy_leaves_nothing_once_nothing_is_protected(stack: Stack, first: dict[str, str]) -> None:
    stack.up(length=30)
    stack.run("destroy", "--yes", "--skip-preview", *COLOURLESS)
    assert not json.loads(stack.state())["checkpoint"]["latest"].get("resources")
