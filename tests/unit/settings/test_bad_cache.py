"""Wrong settings of the cache: each is refused with the key, what is wrong and what to write."""

from typing import Any

import pytest

from settings import SettingsError, load

GOOD = {"origin": "origin.example.org", "prefix": "/store"}
SERVER, PATH = "write HOST or HOST:PORT", "write one below the root"

Case = tuple[dict[str, Any], str, str, str]

CASES: list[Case] = [
    ({"origin": "root://origin.example.org"}, "origin", "is no server", SERVER),
    ({"origin": "https://origin.example.org"}, "origin", "is no server", SERVER),
    ({"origin": "origin.example.org/store"}, "origin", "is no server", SERVER),
    ({"origin": "origin.example.org:port"}, "origin", "is no server", SERVER),
    ({"origin": "origin.example.org:0"}, "origin", "is no server", SERVER),
    ({"origin": "origin.example.org:65536"}, "origin", "is no server", SERVER),
    ({"origin": "a.example.org b.example.org"}, "origin", "is no server", SERVER),
    ({"origin": "="}, "origin", "is no server", SERVER),  # XRootD's spelling of an open proxy
    ({"origin": "a\npss.permit *"}, "origin", "unprintable letters", "take them out"),
    ({"origin": ""}, "origin", "is empty", "write text"),
    ({"origin": 1094}, "origin", "is not text", "write text"),
    ({"prefix": "/"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "store"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "/store/"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "/store/../etc"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "//store"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "/store r/w"}, "prefix", "is no path to limit", PATH),
    ({"prefix": "/root:/"}, "prefix", "is no path to limit", PATH),
    ({"originCidrs": ["10.0.0.1/8"]}, "originCidrs[0]", "is no network", "write ADDRESS/BITS"),
    ({"originCidrs": "10.0.0.0/8"}, "originCidrs", "is no list", "write a list"),
    ({"size": "20G"}, "size", "is no size", "with Mi or Gi"),
    ({"size": "512Mi"}, "size", "is out of range", "write 1Gi to"),
    ({"memory": "512Mi"}, "memory", "is out of range", "write 1Gi to 256Gi"),
    ({"memory": "257Gi"}, "memory", "is out of range", "write 1Gi to 256Gi"),
    ({"blockSize": "2Ki"}, "blockSize", "is out of range", "write 4Ki to 64Mi"),
    ({"blockSize": "128Mi"}, "blockSize", "is out of range", "write 4Ki to 64Mi"),
    ({"blockSize": "5Ki"}, "blockSize", "is cut to 4Ki", "write a multiple of 4Ki"),
    ({"prefetch": -1}, "prefetch", "is out of range", "write 0 to 128 blocks"),
    ({"prefetch": 129}, "prefetch", "is out of range", "write 0 to 128 blocks"),
    ({"highWatermark": 1.0}, "highWatermark", "is out of range", "write 0.1 to 0.95"),
    ({"highWatermark": "90%"}, "highWatermark", "is not a number", "write a number"),
    ({"lowWatermark": 0.0}, "lowWatermark", "is out of range", "write 0.05 to"),
    ({"lowWatermark": 0.9}, "lowWatermark", "is not below xcache.highWatermark", "write less"),
    ({"lowWatermark": 0.93}, "lowWatermark", "is not below xcache.highWatermark", "write less"),
    ({"mode": "open"}, "mode", "is no setting", "the settings here are"),
]


@pytest.mark.parametrize(("change", "key", "wrong", "advice"), CASES, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_refused_with_its_key_and_what_to_write(
    change: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"xcache": GOOD | change}, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == f"xcache.{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize("missing", ["origin", "prefix"])
def test_a_cache_without_origin_or_prefix_is_refused(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"coffea-casa:xcache.{missing}: is missing"):
        load({"xcache": {key: value for key, value in GOOD.items() if key != missing}}, stack="bad")


def test_a_good_cache_has_its_defaults() -> None:
    cache = load({"xcache": GOOD | {"origin": "origin.example.org:2094"}}, stack="good").xcache
    assert cache is not None
    assert (cache.origin, cache.memory, cache.block_size) == ("origin.example.org:2094", "1Gi", "512Ki")


def test_there_is_no_cache_unless_it_is_asked_for() -> None:
    assert load({}, stack="good").xcache is None
