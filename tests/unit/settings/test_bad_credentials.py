"""Wrong settings of the issuer: each is refused with the key, what is wrong and what to write."""

from typing import Any

import pytest

from settings import SettingsError, load

READ, ADDRESS = "write storage.read:/PATH", "write https://HOST:PORT"

Case = tuple[dict[str, Any], str, str, str]

CASES: list[Case] = [
    ({"tokenLifetime": 299}, "tokenLifetime", "is out of range", "write 300 to 86400 seconds"),
    ({"tokenLifetime": 86401}, "tokenLifetime", "is out of range", "write 300 to 86400 seconds"),
    ({"tokenLifetime": "6h"}, "tokenLifetime", "is not a whole number", "write a whole number"),
    ({"tokenLifetime": 0}, "tokenLifetime", "is out of range", "write 300"),
    (
        {"certificateLifetime": 3599},
        "certificateLifetime",
        "is out of range",
        "write 3600 to 2592000 seconds",
    ),
    ({"certificateLifetime": 2592001}, "certificateLifetime", "is out of range", "write 3600"),
    (
        {"tokenLifetime": 7200, "certificateLifetime": 7199},
        "certificateLifetime",
        "is less than credentials.tokenLifetime 7200",
        "write at least",
    ),
    ({"keyGeneration": 0}, "keyGeneration", "is too small", "write 1 or more"),
    ({"keyGeneration": -1}, "keyGeneration", "is too small", "write 1 or more"),
    ({"keyGeneration": 1.5}, "keyGeneration", "is not a whole number", "write a whole number"),
    ({"keyGeneration": True}, "keyGeneration", "is not a whole number", "write a whole number"),
    ({"dataScopes": []}, "dataScopes", "is empty", "write storage.read:/"),
    ({"dataScopes": "storage.read:/"}, "dataScopes", "is no list", "write a list"),
    ({"dataScopes": ["storage.read"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:store"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.write:/"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["read:/store"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/ storage.modify:/"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/a", "storage.read:/b/../.."]}, "dataScopes[1]", "is no scope", READ),
    ({"dataScopes": ["storage.read://"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/store/"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/user/{user}"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/{slug.__class__}"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/%2e%2e"]}, "dataScopes[0]", "is no scope", READ),
    ({"dataScopes": ["storage.read:/", "storage.read:/"]}, "dataScopes", "is there 2 times", "write it once"),
    (
        {"audience": ["https://wlcg.cern.ch/jwt/v1/any"]},
        "audience[0]",
        "every cache",
        "the caches' own names",
    ),
    (
        {"audience": ["https://xcache.example.org:1094", "https://WLCG.cern.ch/jwt/v1/any/"]},
        "audience[1]",
        "every cache",
        "the caches' own names",
    ),
    ({"audience": ["ANY"]}, "audience[0]", "every cache", "the caches' own names"),
    ({"audience": ["xcache"]}, "audience[0]", "is no address", ADDRESS),
    ({"audience": ["https://*.example.org"]}, "audience[0]", "is no address", ADDRESS),
    ({"audience": ["https://a.example.org https://b.example.org"]}, "audience[0]", "is no address", ADDRESS),
    ({"audience": ["https://a.example.org,https://b.example.org"]}, "audience[0]", "is no address", ADDRESS),
    ({"audience": [""]}, "audience[0]", "is empty", "write text"),
    ({"audience": ["https://a.example.org"] * 2}, "audience", "is there 2 times", "write it once"),
    ({"audience": "https://a.example.org"}, "audience", "is no list", "write a list"),
    ({"dataToken": "oidc"}, "dataToken", "is none of the choices", "write facility or identity"),
    ({"dataToken": "identity"}, "dataToken", "offline_access", "write offline_access"),
    ({"signingKey": "secret"}, "signingKey", "is no setting", "the settings here are"),
    ({"tokenLifetme": 60}, "tokenLifetme", "is no setting", "did you mean tokenLifetime?"),
]


@pytest.mark.parametrize(("raw", "key", "wrong", "advice"), CASES, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_refused_with_its_key_and_what_to_write(
    raw: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"credentials": raw}, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == f"credentials.{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"tokenLifetime": 300, "certificateLifetime": 3600},
        {"tokenLifetime": 3600, "certificateLifetime": 3600},
        {"keyGeneration": 7},
        {"dataScopes": ["storage.read:/store/user/{slug}", "storage.read:/store/data-{slug}.d/x"]},
        {"dataScopes": ["storage.read:/", "storage.create:/store/user/{slug}"]},
        {"audience": ["https://xcache.example.org:1094", "root://xcache.example.org"]},
    ],
)
def test_good_settings_are_taken(raw: dict[str, Any]) -> None:
    assert load({"credentials": raw}, stack="good").credentials.token_lifetime >= 300


def test_by_default_tokens_read_for_six_hours_and_certificates_last_a_week() -> None:
    value = load({}, stack="good").credentials
    assert (value.token_lifetime, value.certificate_lifetime) == (6 * 3600, 7 * 86400)
    assert (value.key_generation, value.data_scopes, value.audience) == (1, ("storage.read:/",), ())
