"""Wrong settings of the cache: each is refused with the key, what is wrong and what to write."""

from typing import Any

import pytest

from settings import SettingsError, load

GOOD = {"origin": "origin.example.org", "prefix": "/store"}
SERVER, PATH = "write HOST or HOST:PORT", "write one below the root"

IAM = "https://iam.example.org/"
TOKENS = {"mode": "authorised"}
AUTHORISED, HTTPS, NO_HTTPS = "write mode: authorised", "write https://HOST", "is no https address"


def paths(*base: str) -> dict[str, Any]:
    """Return an outside issuer whose scopes start from these paths."""
    return {**TOKENS, "issuers": [{"issuer": IAM, "basePaths": list(base)}]}


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
    ({"mode": "open"}, "mode", "is none of the choices", "write public or authorised"),
    ({"replicas": 0}, "replicas", "is out of range", "write 1 to 32 caches"),
    ({"replicas": 33}, "replicas", "is out of range", "write 1 to 32 caches"),
    ({"replicas": 1.5}, "replicas", "is not a whole number", "write a whole number"),
    # Who may read.
    ({"audience": "https://cache.example.org:1094"}, "audience", "is unused with mode: public", AUTHORISED),
    ({"issuers": [{"issuer": IAM}]}, "issuers", "is unused with mode: public", AUTHORISED),
    (
        {**TOKENS, "audience": "https://wlcg.cern.ch/jwt/v1/any"},
        "audience",
        "is for every cache",
        "own names",
    ),
    ({**TOKENS, "audience": "HTTPS://wlcg.cern.ch/jwt/v1/any/"}, "audience", "is for every cache", "own"),
    ({**TOKENS, "audience": "ANY"}, "audience", "is for every cache", "own names"),
    ({**TOKENS, "audience": "cache"}, "audience", "is no address", "write https://HOST:PORT"),
    (
        {**TOKENS, "audience": "https://a.example.org, https://b.example.org"},
        "audience",
        "is no address",
        HTTPS,
    ),
    ({**TOKENS, "issuers": [{"issuer": "http://iam.example.org"}]}, "issuers[0].issuer", NO_HTTPS, HTTPS),
    ({**TOKENS, "issuers": [{"issuer": "iam.example.org"}]}, "issuers[0].issuer", NO_HTTPS, HTTPS),
    ({**TOKENS, "issuers": [{"issuer": f"{IAM}?vo=cms"}]}, "issuers[0].issuer", NO_HTTPS, HTTPS),
    ({**TOKENS, "issuers": [{"issuer": f"{IAM} ; comment"}]}, "issuers[0].issuer", NO_HTTPS, HTTPS),
    ({**TOKENS, "issuers": [{"issuer": f"{IAM}\n[Issuer x]"}]}, "issuers[0].issuer", "unprintable", "take"),
    ({**TOKENS, "issuers": [{}]}, "issuers[0].issuer", "is missing", "write text"),
    ({**TOKENS, "issuers": [IAM]}, "issuers[0]", "is no mapping", "write keys such as issuer"),
    (
        {**TOKENS, "issuers": [{"issuer": IAM}, {"issuer": IAM}]},
        "issuers",
        "is there 2 times",
        "write it once",
    ),
    (paths("/cms"), "issuers[0].basePaths[0]", "is neither above nor below", "write one that is"),
    (paths("/storefront"), "issuers[0].basePaths[0]", "is neither above nor below", "write one that is"),
    (paths("/store", "/store/../etc"), "issuers[0].basePaths[1]", "is no path", "write / or one without"),
    (paths("/store/"), "issuers[0].basePaths[0]", "is no path", "write / or one without"),
    (paths("store"), "issuers[0].basePaths[0]", "is no path", "write / or one without"),
    (paths("/store, /"), "issuers[0].basePaths[0]", "is no path", "write / or one without"),
    (paths(), "issuers[0].basePaths", "is empty", "write a path"),
    (paths("/store", "/store"), "issuers[0].basePaths", "is there 2 times", "write it once"),
    # The cache's own login.
    ({"upstream": "gsi"}, "upstream", "is none of the choices", "write none or token or x509"),
    ({"upstream": "token"}, "upstreamSecret", "is missing with upstream: token", "write the Secret's name"),
    ({"upstream": "x509"}, "upstreamSecret", "is missing with upstream: x509", "write the Secret's name"),
    ({"upstreamSecret": "login"}, "upstreamSecret", "is unused with upstream: none", "write upstream: token"),
    (
        {"upstream": "token", "upstreamSecret": "My Login"},
        "upstreamSecret",
        "is no name of a Secret",
        "kubectl",
    ),
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


def test_a_cache_that_takes_tokens_has_what_was_written() -> None:
    issuers = [
        {"issuer": IAM},
        {"issuer": "https://demo.scitokens.org", "basePaths": ["/store/user", "/store"]},
    ]
    cache = load({"xcache": GOOD | TOKENS | {"replicas": 32, "issuers": issuers}}, stack="good").xcache
    assert cache is not None
    assert [issuer.base_paths for issuer in cache.issuers] == [("/",), ("/store/user", "/store")]
    assert (cache.mode, cache.replicas, cache.audience, cache.upstream) == ("authorised", 32, None, "none")


def refused(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(raw, stack="bad", secrets=frozenset({"clientSecret"} & raw.keys()))
    return [f"{problem.key} {problem.wrong}" for problem in caught.value.problems]


@pytest.mark.parametrize("own", [{}, {"audience": "https://cache.example.org:1094"}])
def test_a_cache_must_take_the_audience_that_the_facilitys_tokens_are_for(own: dict[str, str]) -> None:
    minted = {"audience": ["https://xcache.example.org:1094"]}
    (problem,) = refused({"credentials": minted, "xcache": GOOD | TOKENS | own})
    assert problem.startswith("xcache.audience ")
    assert "is none of credentials.audience" in problem
    assert load({"credentials": minted, "xcache": GOOD}, stack="good")


def test_a_cache_must_take_the_tokens_of_log_ins_where_sessions_get_those() -> None:
    raw: dict[str, Any] = {
        "identity": {"issuer": IAM, "clientId": "af", "scopes": ["openid", "offline_access"]},
        "clientSecret": "secret",
        "access": {"everyone": True},
        "credentials": {"dataToken": "identity"},
        "xcache": GOOD | TOKENS | {"issuers": [{"issuer": "https://other.example.org"}]},
    }
    assert refused(raw) == [
        f"xcache.issuers lack {IAM}, whose tokens sessions get with credentials.dataToken: identity"
    ]
    raw["xcache"]["issuers"].append({"issuer": IAM})
    assert load(raw, stack="good", secrets=frozenset({"clientSecret"}))
