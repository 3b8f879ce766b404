"""The stack as its operator sees it: nothing to do, nothing to read in its state, changes that stay small."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.facility import OVERRIDES, STATE, pulumi, rollout, uids, wait_for
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


def test_there_is_nothing_to_change() -> None:
    pulumi("preview", "--expect-no-changes")


def traces(secret: str) -> list[str]:
    """Return texts of which one is in any text that tells the secret, but for line breaks.

    A private key's text ends with its public key, which may be read (RFC 5915, section 3), and
    its secret number may start at any place of a group of base64.
    """
    if "PRIVATE KEY" not in secret:
        return [secret]
    key = load_pem_private_key(secret.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    number = key.private_numbers().private_value.to_bytes(key.key_size // 8)
    shifted = ((shift, base64.b64encode(bytes(shift) + number).decode()) for shift in range(3))
    # The first and last letters hold bits of the neighbours too.
    return [text[-(-8 * shift // 6) : 8 * (shift + len(number)) // 6] for shift, text in shifted]


def tells(text: str, secret: str) -> bool:
    joined = text.replace("\\n", "").replace("\n", "")
    return any(trace in joined for trace in traces(secret))


def test_the_state_holds_secrets_as_ciphertext_only() -> None:
    shown = pulumi("stack", "export", "--show-secrets").stdout
    found = set(secrets(json.loads(shown)))
    assert len(found) >= 10
    # What is looked for is seen where it is known to be.
    plain = json.dumps(sorted(found))
    assert sum(tells(plain, secret) for secret in found) == len(found)
    files = [file for file in (STATE / "stacks").rglob("*") if file.is_file() and ".pulumi" in file.parts]
    stored = {file: file.read_text(errors="replace") for file in files}
    assert any('"ciphertext"' in text for text in stored.values())
    for file, text in stored.items():
        assert "PRIVATE KEY" not in text, file
        leaked = sum(tells(text, secret) for secret in found)
        assert not leaked, f"{file} holds {leaked} secrets in plain"


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
    # A ready pod is not yet where its Service leads; what asks the hub fails for that moment.
    path = "/services/dask-gateway/api/v1/clusters/"
    wait_for("the hub's answer", lambda: notebook.account.request("GET", path).status_code == 200, 60)


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
