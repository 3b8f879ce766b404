"""Wrong settings of the pool: each is refused with the key, what is wrong and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load

GOOD = {"mode": "embedded", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}

SITE: dict[str, Any] = {
    "collector": "cm.site.example.org",
    "trustDomain": "site.example.org",
    "tokenSecret": "site-token",
    "cidrs": ["198.51.100.0/24"],
    "address": "pool.facility.example.org",
    "image": "docker://registry.example.org/coffea-casa/execute:1",
}
FLOCK = {
    "pool": GOOD | {"mode": "flock", "site": SITE},
    "daskRouter": {"service": "LoadBalancer", "port": 8786},
}

Case = tuple[dict[str, Any], str, str, str]

CASES: list[Case] = [
    ({"mode": "flock"}, "site", "is missing with mode: flock", "write collector"),
    ({"mode": "remote"}, "remote", "is missing with mode: remote", "write collector"),
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


SITE_CASES: list[Case] = [
    ({"collector": "tcp://cm"}, "collector", "is no server", "write HOST or HOST:PORT"),
    ({"collector": "cm.site.example.org:99999"}, "collector", "is no server", "write HOST or HOST:PORT"),
    ({"collector": "cm $(HOME)"}, "collector", "is no server", "write HOST or HOST:PORT"),
    ({"trustDomain": "*"}, "trustDomain", "is no name", "write one such as"),
    ({"trustDomain": "pool.example.org"}, "trustDomain", "is a domain of this facility's own", "the site's"),
    ({"trustDomain": "users.example.org"}, "trustDomain", "is a domain of this facility's own", "the site's"),
    ({"tokenSecret": "Site Token"}, "tokenSecret", "is no name", "write one such as"),
    ({"cidrs": []}, "cidrs", "is empty", "write the addresses"),
    ({"cidrs": ["cm.site.example.org"]}, "cidrs[0]", "", ""),
    ({"address": "pool.example.org:9618"}, "address", "is no host", "write a name"),
    ({"address": ""}, "address", "", ""),
    ({"port": 80}, "port", "is out of range", "write 1024 to 65535"),
    ({"service": "NodePort"}, "port", "is out of range", "write 30000 to 32767"),
    ({"service": "Ingress"}, "service", "is none of the choices", "write LoadBalancer"),
    ({"workerPorts": [10000]}, "workerPorts", "is no range", "write [FIRST, LAST]"),
    ({"workerPorts": [20000, 10000]}, "workerPorts", "is no range", "write [FIRST, LAST]"),
    ({"workerPorts": [1, 65535]}, "workerPorts[0]", "1 is out of range", "write 1024 to 65535"),
    ({"universe": "vanilla"}, "image", "is unused with universe: vanilla", "leave it out"),
    ({"universe": "local"}, "universe", "is none of the choices", "write container"),
    (
        {"image": None},
        "image",
        "is missing with images.registry localhost/",
        "write this release's execute image",
    ),
    ({"signingKey": "k"}, "signingKey", "is no setting", "the settings here are"),
]


@pytest.mark.parametrize(("change", "key", "wrong", "advice"), SITE_CASES, ids=lambda value: str(value)[:40])
def test_a_wrong_site_is_refused_with_its_key_and_what_to_write(
    change: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    site = {name: value for name, value in (SITE | change).items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        load(FLOCK | {"pool": GOOD | {"mode": "flock", "site": site}}, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == f"pool.site.{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize("missing", sorted(set(SITE) - {"image"}))
def test_everything_that_only_the_site_knows_has_to_be_written(missing: str) -> None:
    site = {key: value for key, value in SITE.items() if key != missing}
    with pytest.raises(SettingsError, match=f"coffea-casa:pool.site.{missing}: is missing"):
        load(FLOCK | {"pool": GOOD | {"mode": "flock", "site": site}}, stack="bad")


def test_a_site_belongs_to_flock_alone() -> None:
    with pytest.raises(SettingsError, match="coffea-casa:pool.site: is unused with mode: embedded"):
        load(FLOCK | {"pool": GOOD | {"site": SITE}}, stack="bad")


def test_a_sites_workers_need_a_way_to_their_schedulers() -> None:
    with pytest.raises(SettingsError, match="coffea-casa:daskRouter: is missing with pool.site"):
        load({"pool": FLOCK["pool"]}, stack="bad")


def test_a_site_that_sees_the_registry_needs_no_image_and_its_nodes_are_its_own() -> None:
    site = {key: value for key, value in SITE.items() if key != "image"}
    pool = GOOD | {"mode": "flock", "site": site, "worker": {"cores": 16, "memory": "64Gi", "disk": "50Gi"}}
    raw = FLOCK | {"pool": pool, "images": {"registry": "registry.example.org/af"}}
    assert load(raw, stack="good").pool is not None


def test_a_good_site_has_its_defaults() -> None:
    pool = load(FLOCK, stack="good").pool
    assert pool is not None
    assert pool.site is not None
    assert (pool.site.port, pool.site.universe, pool.site.worker_ports) == (9618, "container", (10000, 10999))


REMOTE: dict[str, Any] = {
    "collector": "cm.site.example.org",
    "schedd": "schedd@cm.site.example.org",
    "cidrs": ["198.51.100.0/24"],
    "audience": "https://condor.site.example.org",
    "image": "docker://registry.example.org/coffea-casa/execute:1",
}
SERVED = {"tokens": "service", "service": "https://tokens.site.example.org/v1/token"}
REMOTE_CASES: list[Case] = [
    ({"collector": "tcp://cm"}, "collector", "is no server", "write HOST or HOST:PORT"),
    ({"collector": "198.51.100.7:9618"}, "collector", "is an address", "write the host name"),
    ({"schedd": "schedd;id"}, "schedd", "is no name", "write the site's SCHEDD_NAME"),
    ({"cidrs": []}, "cidrs", "is empty", "write the addresses"),
    ({"workerPorts": [20000, 10000]}, "workerPorts", "is no range", "write [FIRST, LAST]"),
    ({"universe": "vanilla"}, "image", "is unused with universe: vanilla", "leave it out"),
    (
        {"image": None},
        "image",
        "is missing with images.registry localhost",
        "write this release's execute image",
    ),
    ({"tokens": "x509"}, "tokens", "is none of the choices", "write scitokens or service or secrets"),
    ({"tokens": "service"}, "service", "is missing with tokens: service", "write its https address"),
    (SERVED | {"audience": None}, "audience", "is missing with tokens: service", "the name of the site's"),
    (SERVED | {"service": "http://tokens.site"}, "service", "is no https address", "https://HOST/v1/token"),
    (SERVED | {"service": "https://a/?user=b"}, "service", "is no https address", "https://HOST/v1/token"),
    (SERVED | {"secret": "a"}, "secret", "is unused with tokens: service", "leave it out"),
    (SERVED | {"tokens": "scitokens"}, "service", "is unused with tokens: scitokens", "leave it out"),
    ({"audience": None}, "audience", "is missing with tokens: scitokens", "SCITOKENS_SERVER_AUDIENCE"),
    ({"audience": "ANY"}, "audience", "means anybody", "write the site's own"),
    ({"audience": "https://wlcg.cern.ch/jwt/v1/any"}, "audience", "means anybody", "write the site's own"),
    ({"secret": "condor-token"}, "secret", "is unused with tokens: scitokens", "leave it out"),
    ({"tokens": "secrets"}, "secret", "is missing with tokens: secrets", "write what the Secrets' names"),
    ({"tokens": "secrets", "secret": "a"}, "audience", "is unused with tokens: secrets", "leave it out"),
    ({"tokens": "secrets", "secret": "A B"}, "secret", "is no name", "write one such as"),
    ({"tokens": "secrets", "secret": "a" * 101}, "secret", "is no name", "write one such as"),
    ({"tokens": "secrets", "caConfigMap": "ca"}, "caConfigMap", "is unused", "leave it out"),
    ({"caConfigMap": "Site CA"}, "caConfigMap", "is no name", "write one such as"),
]


def remote(**change: Any) -> dict[str, Any]:
    section = {name: value for name, value in (REMOTE | change).items() if value is not None}
    return {"pool": GOOD | {"mode": "remote", "remote": section}, "daskRouter": FLOCK["daskRouter"]}


@pytest.mark.parametrize(
    ("change", "key", "wrong", "advice"), REMOTE_CASES, ids=lambda value: str(value)[:40]
)
def test_a_wrong_access_point_is_refused_with_its_key_and_what_to_write(
    change: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(remote(**change), stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == f"pool.remote.{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


def test_a_token_service_may_have_any_collector_and_a_ca_of_its_own() -> None:
    pool = load(remote(**SERVED, collector="198.51.100.7", caConfigMap="ca"), stack="good").pool
    assert pool is not None
    assert pool.remote is not None
    assert pool.remote.service == SERVED["service"]


def test_an_access_point_of_a_sites_belongs_to_remote_alone() -> None:
    with pytest.raises(SettingsError, match="coffea-casa:pool.remote: is unused with mode: embedded"):
        load({"pool": GOOD | {"remote": REMOTE}, "daskRouter": FLOCK["daskRouter"]}, stack="bad")


def test_workers_at_a_remote_site_need_a_way_to_their_schedulers() -> None:
    with pytest.raises(SettingsError, match="coffea-casa:daskRouter: is missing with pool.remote"):
        load({"pool": remote()["pool"]}, stack="bad")


def test_a_site_may_have_one_name_for_both_domains() -> None:
    both = {"trustDomain": "site.example.org", "uidDomain": "site.example.org"}
    pool = load(remote() | {"pool": remote()["pool"] | both}, stack="good").pool
    assert pool is not None
    assert pool.trust_domain == pool.uid_domain
