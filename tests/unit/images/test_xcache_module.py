"""The helper that sessions import for addresses in the cache."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[3] / "images/session/site/xcache.py"


@pytest.fixture
def xcache(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("XCACHE_HOST", "xcache.opendata.svc.cluster.local")
    spec = importlib.util.spec_from_file_location("xcache", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "file",
    [
        "/eos/opendata/a.root",
        "root://eospublic.cern.ch//eos/opendata/a.root",
        "root://eospublic.cern.ch:1094//eos/opendata/a.root",
        "root://eospublic.cern.ch/eos/opendata/a.root",
    ],
)
def test_a_path_or_an_address_becomes_one_in_the_cache(xcache: ModuleType, file: str) -> None:
    assert xcache.url(file) == "root://xcache.opendata.svc.cluster.local//eos/opendata/a.root"


def test_a_relative_path_is_refused(xcache: ModuleType) -> None:
    with pytest.raises(ValueError, match="is no absolute path"):
        xcache.url("a.root")


def test_a_facility_without_a_cache_says_so(xcache: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XCACHE_HOST")
    with pytest.raises(RuntimeError, match="has no cache"):
        xcache.url("/eos/opendata/a.root")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_token_that_others_may_read_is_told_of_since_xrootd_passes_it_over_without_a_word(
    xcache: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    token = tmp_path / "access_token"
    token.touch()
    token.chmod(mode)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token))
    with pytest.raises(PermissionError, match=f"has mode {mode:04o}.*chmod 600"):
        xcache.url("/store/a.root")
    token.chmod(0o600)
    assert xcache.url("/store/a.root")


def test_a_session_without_a_token_may_ask_for_addresses(
    xcache: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "none"))
    assert xcache.url("/store/a.root")
