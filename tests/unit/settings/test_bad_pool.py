"""Wrong settings of the pool: each is refused with the key, what is wrong and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load

GOOD = {"mode": "embedded", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}

Case = tuple[dict[str, Any], str, str, str]

CASES: list[Case] = [
    ({"mode": "flock"}, "mode", "is not there yet", "write embedded"),
    ({"mode": "remote"}, "mode", "is not there yet", "write embedded"),
    ({"mode": "open"}, "mode", "is none of the choices", "write embedded or flock or remote"),
    ({"trustDomain": "pool example"}, "trustDomain", "is no domain", "write a name"),
    ({"trustDomain": "pool.example.org\nALLOW_WRITE=*"}, "trustDomain", "unprintable", "take them out"),
    ({"trustDomain": "$(HOME)"}, "trustDomain", "is no domain", "write a name"),
    ({"uidDomain": "*"}, "uidDomain", "is no domain", "write a name"),
    ({"uidDomain": "users.example.org *@evil"}, "uidDomain", "is no domain", "write a name"),
    ({"uidDomain": "pool.example.org"}, "uidDomain", "is pool.trustDomain", "write another one"),
    ({"tokenLifetime": 60}, "tokenLifetime", "is out of range", "write 300 to 86400"),
    ({"jobsPerUser": 0}, "jobsPerUser", "is out of range", "write 1 to 10000"),
    ({"queueSize": "5G"}, "queueSize", "is no size", "with Mi or Gi"),
    ({"nodes": {"count": -1}}, "nodes.count", "is out of range", "write 0 to 1000"),
    ({"nodes": {"cores": 0}}, "nodes.cores", "is out of range", "write 1 to 1024"),
    ({"nodes": {"cores": 1.5}}, "nodes.cores", "is not a whole number", "write a whole number"),
    ({"nodes": {"coresRequest": 3}}, "nodes.coresRequest", "is more than", "write at most"),
    ({"nodes": {"memory": "128Mi"}}, "nodes.memory", "is out of range", "write 512Mi to"),
    ({"nodes": {"drainSeconds": 7200}}, "nodes.drainSeconds", "is out of range", "write 0 to 3600"),
    ({"worker": {"cores": 3}}, "worker.cores", "is more than pool.nodes.cores", "write at most"),
    ({"worker": {"memory": "8Gi"}}, "worker.memory", "is more than a node has", "write at most 4Gi"),
    ({"worker": {"disk": "11Gi"}}, "worker.disk", "is more than a node has", "write at most 10Gi"),
    ({"slots": 4}, "slots", "is no setting", "the settings here are"),
]


@pytest.mark.parametrize(("change", "key", "wrong", "advice"), CASES, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_refused_with_its_key_and_what_to_write(
    change: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"pool": GOOD | change}, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == f"pool.{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize("mode", ["embedded", "flock", "remote"])
def test_a_pools_key_is_refused_with_the_reason_and_the_ways_that_need_none(mode: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"pool": GOOD | {"mode": mode, "signingKey": "site-pool-key"}}, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == "pool.signingKey"]
    assert "everybody there" in problem.wrong
    for way in ("embedded", "flock", "remote"):
        assert way in problem.advice


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_mode_and_both_domains_have_to_be_written(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"coffea-casa:pool.{missing}: is missing"):
        load({"pool": {key: value for key, value in GOOD.items() if key != missing}}, stack="bad")


def test_a_good_pool_has_its_defaults() -> None:
    pool = load({"pool": GOOD}, stack="good").pool
    assert pool is not None
    assert (pool.nodes.count, pool.nodes.memory, pool.worker.memory) == (2, "4Gi", "2Gi")


def test_there_is_no_pool_unless_it_is_asked_for() -> None:
    assert load({}, stack="good").pool is None
