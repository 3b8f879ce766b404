"""Start and end of the service."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.credentials import server
from services.credentials.server import Addresses, serving
from services.credentials.settings import ForSite, Places, SettingsError
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import SETTINGS
from tests.unit.credentials.running import deploy
from tests.unit.plugins.conftest import make_key


def other_key(places: Places) -> None:
    (places.keys / "signing.key").write_text(make_key()["privateKeyPem"])


def other_ca(places: Places) -> None:
    (places.settings / "ca.pem").write_text(Ca().pem)


def rsa(places: Places) -> None:
    (places.keys / "signing.key").write_text(make_key("RSA")["privateKeyPem"])


def garbage(places: Places) -> None:
    (places.keys / "ca.key").write_text("-----BEGIN PRIVATE KEY-----\nsesame\n-----END PRIVATE KEY-----\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (other_key, "is not published"),
        (other_ca, "not that of its certificate"),
        (rsa, "P-256"),
        (garbage, "keys: "),
        (lambda places: shutil.rmtree(places.keys), "No such file"),
        (lambda places: (places.settings / "settings.json").unlink(), "settings.json"),
    ],
)
async def test_files_that_do_not_fit_together_are_refused_at_the_start(
    tmp_path: Path, ca: Ca, spoil: Callable[[Places], object], reason: str
) -> None:
    places = deploy(tmp_path, ca, SETTINGS)
    spoil(places)
    with pytest.raises(SettingsError, match=reason) as caught:
        async with serving(places, Addresses("127.0.0.1", 0, 0)):
            pass
    assert "sesame" not in str(caught.value)


async def test_an_assertion_key_that_is_not_published_is_refused_at_the_start(tmp_path: Path, ca: Ca) -> None:
    site = ForSite(issuer="https://af.example.org/hub/issuer", audience="tokens", token_lifetime=600)
    places = deploy(tmp_path, ca, replace(SETTINGS, assertions=site))
    key = make_key("RSA")
    (places.keys / "assertion.key").write_text(key["privateKeyPemPkcs8"])
    with pytest.raises(SettingsError, match="is not published"):
        async with serving(places, Addresses("127.0.0.1", 0, 0)):
            pass
    (places.settings / "published-assertion.pem").write_text(key["publicKeyPem"])
    async with serving(places, Addresses("127.0.0.1", 0, 0)):
        pass


async def test_the_order_to_stop_is_followed(tmp_path: Path, ca: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    places = deploy(tmp_path, ca, SETTINGS)
    for name in ("settings", "keys", "tls"):
        monkeypatch.setenv(f"COFFEA_CASA_CREDENTIALS_{name.upper()}", str(getattr(places, name)))
    monkeypatch.setattr(server, "_LINGER", 0.2)
    running = asyncio.create_task(server.main(Addresses("127.0.0.1", 0, 0)))
    await asyncio.sleep(0.3)
    assert not running.done()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    assert not running.done(), "it goes on while callers learn that it ends"
    await asyncio.wait_for(running, 10)
