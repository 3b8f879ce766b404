"""Names are looked up for real: localhost is known everywhere, .invalid nowhere (RFC 6761)."""

from __future__ import annotations

import pytest

from check import names
from tests.unit.check.conftest import settings

ROUTER = {"service": "LoadBalancer", "port": 8786}


def test_a_host_that_resolves_is_told_with_its_addresses() -> None:
    found = names.public_host(settings(public={"url": "https://localhost:30443"}))
    assert found.verdict == "ok"
    assert "127.0.0.1" in found.text or "::1" in found.text


def test_a_host_that_nobody_knows_fails_and_says_what_to_do() -> None:
    found = names.public_host(settings(public={"url": "https://af.invalid"}))
    assert (found.verdict, found.remedy) == ("FAILED", "make a DNS record for af.invalid")


def test_a_name_no_resolver_takes_fails_as_well() -> None:
    assert names.addresses("a" * 64 + ".invalid") == []


def test_an_address_needs_no_name() -> None:
    assert names.public_host(settings(public={"url": "https://192.0.2.7"})).verdict == "not applicable"


def test_a_wildcard_that_is_missing_fails() -> None:
    found = names.wildcard(settings(public={"url": "https://af.invalid"}, daskRouter=ROUTER))
    assert found.verdict == "FAILED"
    assert ".dask.af.invalid has no address" in found.text
    assert "*.dask.af.invalid" in found.remedy


def test_a_wildcard_is_looked_up_by_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(names, "addresses", lambda name: asked.append(name) or ["192.0.2.7"])  # type: ignore[func-returns-value]
    site = settings(public={"url": "https://af.example.org"}, daskRouter=ROUTER)
    assert [names.wildcard(site).verdict for _ in range(2)] == ["ok", "ok"]
    assert len(set(asked)) == 2
    assert all(name.endswith(".dask.af.example.org") for name in asked)


@pytest.mark.parametrize(
    "raw",
    [
        {"public": {"url": "https://af.invalid"}},
        {"daskRouter": {"service": "NodePort", "port": 30786}},
    ],
)
def test_without_a_router_or_names_there_is_no_wildcard(raw: dict[str, object]) -> None:
    assert names.wildcard(settings(**raw)).verdict == "not applicable"
