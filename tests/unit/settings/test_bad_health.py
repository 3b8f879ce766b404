"""Wrong settings of the health check."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load

CACHE = {"origin": "o.example.org", "prefix": "/store/mc"}


def refused(file: str, **raw: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load({"health": {"file": file}} | raw, stack="bad")
    (problem,) = caught.value.problems
    assert problem.key == "health.file"
    return str(problem)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("store/mc/a.root", "is no path"),
        ("root://o.example.org//store/mc/a.root", "is no path"),
        ("/store/mc/../data/a.root", "is no path"),
        ("/store/data/a.root", "is not below xcache.prefix"),
        ("/store/mcfly/a.root", "is not below xcache.prefix"),
    ],
)
def test_a_file_that_the_cache_does_not_give_is_refused(file: str, said: str) -> None:
    assert said in refused(file, xcache=CACHE)


def test_a_file_without_a_cache_is_refused() -> None:
    assert "is unused without xcache" in refused("/store/mc/a.root")


def test_nothing_and_a_file_of_the_caches_are_taken() -> None:
    assert load({"health": {}}, stack="good").health
    assert load({"health": {"file": "/store/mc/a.root"}, "xcache": CACHE}, stack="good").health
    assert load({}, stack="good").health is None
