from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.gateway.settings import GatewaySettings, hub_token, load, parse, quantity


@pytest.mark.parametrize(
    ("text", "size"), [("512Mi", 512 * 2**20), ("1.5Gi", 3 * 2**29), ("2Ti", 2**41), ("1024", 1024)]
)
def test_quantities(text: str, size: int) -> None:
    assert quantity(text) == size


@pytest.mark.parametrize("text", ["2G", "", "Gi", "two"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError):
        quantity(text)


def test_the_file_named_by_the_environment_is_read(settings: GatewaySettings) -> None:
    assert load() == settings
    assert settings.limits.memory == 16 * 2**30


def test_a_missing_setting_is_named(raw: dict[str, Any]) -> None:
    del raw["limits"]["cores"]
    with pytest.raises(KeyError, match="cores"):
        parse(raw)


def test_the_token_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub-token").write_text("t0ken\n")
    monkeypatch.setenv("COFFEA_CASA_GATEWAY_SECRETS", str(tmp_path))
    assert hub_token() == "t0ken"
