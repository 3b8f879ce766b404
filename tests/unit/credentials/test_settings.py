"""settings.json and where files are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from services.credentials.settings import Places, SettingsError, load, parse, read
from settings.names import camel
from tests.unit.credentials.conftest import SETTINGS

RAW: dict[str, Any] = json.loads(json.dumps({camel(k): v for k, v in asdict(SETTINGS).items()}))


def test_settings_are_read_as_they_are_written() -> None:
    assert parse(RAW) == SETTINGS


NEW = {"sciTokens", "assertions"}
"""Keys that release 0.1.0 does not write."""


@pytest.mark.parametrize("key", sorted(RAW.keys() - NEW))
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        parse({name: value for name, value in RAW.items() if name != key})


def test_what_a_release_before_did_not_write_is_what_it_was() -> None:
    assert parse({name: value for name, value in RAW.items() if name not in NEW}) == SETTINGS


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(SettingsError, match="lifetime"):
        parse(RAW | {"lifetime": 1})


def test_a_file_that_is_not_there_or_no_json_is_named(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path, tmp_path)
    with pytest.raises(SettingsError, match=r"settings\.json"):
        load(places)
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(SettingsError, match=r"settings\.json"):
        load(places)


def test_no_content_is_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ca\.key: No such file"):
        read(tmp_path / "ca.key")


def test_places_can_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEYS", "TLS"):
        monkeypatch.delenv(f"COFFEA_CASA_CREDENTIALS_{name}", raising=False)
    monkeypatch.setenv("COFFEA_CASA_CREDENTIALS_SETTINGS", "/a")
    places = Places(Path("/a"), Path("/run/secrets/credentials"), Path("/run/secrets/tls"))
    assert Places.of_environment() == places
