"""The stack as its operator sees it: nothing to do, nothing to read in its state, changes that stay small."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import yaml

from tests.e2e.facility import COMPONENT, OVERRIDES, STATE, pods, pulumi, rollout
from tests.e2e.server import Server

SECRET_MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How Pulumi marks a secret value in a state (sdk: signature keys of property values)."""


def secrets(value: Any, name: str = "") -> Iterator[str]:
    """Yield the passwords and private keys of a decrypted state."""
    if isinstance(value, dict):
        value = cast(dict[str, Any], value)
        if value.get(SECRET_MARK) == SECRET:
            if name in ("result", "bcryptHash", "hex", "base64", "privateKeyPem", "privateKeyPemPkcs8"):
                yield json.loads(value["plaintext"])
            return
        for key, child in value.items():
            yield from secrets(child, key)
    elif isinstance(value, list):
        for child in cast(list[Any], value):
            yield from secrets(child, name)


def uids() -> dict[str, str]:
    """Return component to the identity of its pods; a pod that was replaced has another."""
    identities: dict[str, list[str]] = {}
    for pod in pods():
        identities.setdefault(pod["metadata"]["labels"][COMPONENT], []).append(pod["metadata"]["uid"])
    return {component: ",".join(sorted(found)) for component, found in identities.items()}


def test_there_is_nothing_to_change() -> None:
    pulumi("preview", "--expect-no-changes")


def test_the_state_holds_secrets_as_ciphertext_only() -> None:
    export = json.loads(pulumi("stack", "export", "--show-secrets").stdout)
    plain = set(secrets(export))
    # The text of an EC private key ends with its public key (RFC 5915, section 3), which may be read.
    public = " ".join(r.get("outputs", {}).get("publicKeyPem", "") for r in export["deployment"]["resources"])
    assert len(plain) >= 10
    files = [file for file in (STATE / "stacks").rglob("*") if file.is_file() and ".pulumi" in file.parts]
    stored = {file: file.read_text(errors="replace") for file in files}
    assert any('"ciphertext"' in text for text in stored.values())
    for file, text in stored.items():
        assert "PRIVATE KEY" not in text, file
        # A PEM's line breaks are written in more than one way, so any of its lines tells.
        leaked = [
            word
            for secret in plain
            for word in secret.split()
            if len(word) > 12 and word in text and word not in public
        ]
        assert not leaked, f"{file} holds {len(leaked)} secrets in plain"


@pytest.fixture(scope="module")
def changed(
    notebook: Server, cluster: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Identities of pods before and after a change of one setting; it is taken back afterwards."""
    assert cluster
    notebook.run("survivor = 'here'")
    settings = yaml.safe_load(OVERRIDES.read_text())
    settings["config"]["coffea-casa:hub"] = {"idleTimeout": 3541}
    other = tmp_path_factory.mktemp("stack") / "overrides.yaml"
    other.write_text(yaml.safe_dump(settings))
    before = uids()
    pulumi("up", "--yes", "--skip-preview", overrides=other)
    rollout("hub")
    yield before, uids()
    pulumi("up", "--yes", "--skip-preview")
    rollout("hub")


def test_a_changed_setting_rolls_exactly_the_pods_that_mount_it(
    changed: tuple[dict[str, str], dict[str, str]],
) -> None:
    before, after = changed
    assert {component for component in before | after if before.get(component) != after.get(component)} == {
        "hub"
    }
    assert {"proxy", "identity", "session", "dask-worker", "dask-router"} <= set(before)


def test_the_notebook_survives_the_change(
    notebook: Server, changed: tuple[dict[str, str], dict[str, str]]
) -> None:
    assert changed[1]
    assert notebook.value("", "survivor") == "here"
