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


def test_a_token_that_is_yours_alone_is_no_trouble(
    xcache: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token))
    assert xcache.token_trouble() is None
    monkeypatch.delenv("BEARER_TOKEN_FILE")
    assert xcache.token_trouble() is None


def test_a_token_that_xrootd_would_pass_over_is_told_of(
    xcache: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(token))
    with pytest.warns(UserWarning, match="no token for the cache: .*token: No such file"):
        xcache.url("/store/file.root")
    token.touch()
    token.chmod(0o640)
    with pytest.warns(UserWarning, match=r"may be read by others \(mode 640\).*chmod 600"):
        xcache.url("/store/file.root")
    token.chmod(0o600)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert "is not your own" in xcache.token_trouble()
