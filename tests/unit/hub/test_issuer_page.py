"""The issuer's public keys, asked for at the real service and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.hub import issuer_page
from services.hub.issuer_page import PublicKeys
from tests.unit.credentials.ca import Ca
from tests.unit.hub.test_issuer import context, issuer_with_keys


async def test_keys_outlive_a_service_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_page, "FRESH", 0)
    ca = Ca()
    trusted = context(tmp_path, ca)
    async with issuer_with_keys(tmp_path, ca) as (_, url):
        keys = PublicKeys(url, trusted)
        found = await keys.get()
        assert found["keys"]
    assert await keys.get() == found
    assert await PublicKeys(url, trusted).get() is None


async def test_they_are_not_asked_for_each_time(tmp_path: Path) -> None:
    ca = Ca()
    async with issuer_with_keys(tmp_path, ca) as (_, url):
        keys = PublicKeys(url, context(tmp_path, ca))
        found = await keys.get()
        keys._url = "https://127.0.0.1:1"
        assert await keys.get() is found


async def test_a_service_of_somebody_elses_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with issuer_with_keys(tmp_path, Ca()) as (_, url):
        assert await PublicKeys(url, context(tmp_path / "other", Ca())).get() is None
