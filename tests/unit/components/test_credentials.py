"""The issuer as it is deployed: its settings, its keys, and the real service on the very files it mounts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pulumi
import pytest

from components.base import Facility
from components.ca import CertificateAuthority, CertificateAuthorityArgs
from components.credentials import (
    API_PORT,
    DISCOVERY_PORT,
    CredentialIssuer,
    CredentialIssuerArgs,
    PoolTokens,
    generations,
    issuer_settings,
    session_domains,
)
from local.plugins.resource import Properties
from services.credentials import server
from services.credentials.idtoken import PoolKey
from services.credentials.keys import SigningKey, load_public, thumbprint
from services.credentials.settings import Places, SettingsError, parse
from settings import Credentials, Images
from tests.realmocks import run
from tests.unit.credentials.ca import Ca, Leaf
from tests.unit.credentials.running import Caller

FACILITY = Facility(namespace="opendata", dns_domain="cluster.local", storage_class=None, images=Images())
URL = "https://hub.example.org"
CACHE = "https://xcache.opendata.svc.cluster.local:1094"


def pool_tokens() -> PoolTokens:
    return PoolTokens(
        trust_domain="pool.example.org",
        uid_domain="users.example.org",
        lifetime=900,
        key=pulumi.Output.secret("0123456789abcdef" * 4),
    )


def arguments(
    ca: CertificateAuthority, pool: Callable[[], PoolTokens] | None = None, **settings: Any
) -> CredentialIssuerArgs:
    return CredentialIssuerArgs(
        facility=FACILITY,
        settings=Credentials(**settings),
        public_url=URL,
        audience=(CACHE,),
        ca_certificate=ca.certificate,
        ca_key=ca.key,
        certificate=ca.servers["credentials"],
        pool=pool() if pool else None,
    )


def made(**settings: Any) -> dict[str, Properties]:
    """Return what the CA and the issuer make."""

    def program() -> None:
        given = CertificateAuthorityArgs(
            # The name that the tests call the service by is that of the facility's own address.
            facility=FACILITY,
            public_url="https://localhost:30443",
            sign_public=False,
            servers=("credentials",),
            clients=("hub",),
        )
        CredentialIssuer("credentials", arguments(CertificateAuthority("ca", given), **settings))

    return run(program)


def deploy(resources: dict[str, Properties], directory: Path) -> Places:
    """Write the objects as the pod sees them."""
    places = Places(*(directory / name for name in ("settings", "keys", "tls")))
    for place, data in (
        (places.settings, resources["credentials-config"]["data"]),
        (places.keys, resources["credentials-keys"]["stringData"]),
        (places.tls, resources["credentials-tls"]["stringData"]),
    ):
        place.mkdir()
        for name, text in data.items():
            (place / name).write_text(text)
    return places


def signing_kid(resources: dict[str, Properties]) -> str:
    return SigningKey.load(resources["credentials-keys"]["stringData"]["signing.key"].encode()).kid


def published(resources: dict[str, Properties]) -> dict[str, str]:
    """Return file to key name."""
    data: dict[str, str] = resources["credentials-config"]["data"]
    return {
        name: thumbprint(load_public(text.encode()))
        for name, text in data.items()
        if name.startswith("published-")
    }


def test_the_service_reads_the_settings_that_the_component_writes() -> None:
    data = made(token_lifetime=60, data_scopes=("storage.read:/store",))["credentials-config"]["data"]
    settings = parse(json.loads(data["settings.json"]))
    assert settings.issuer == "https://credentials.opendata.svc.cluster.local:8444"
    assert settings.audience == (CACHE,)
    assert (settings.token_lifetime, settings.certificate_lifetime) == (60, 604800)
    assert settings.data_scopes == ("storage.read:/store",)


def test_component_and_service_have_the_same_ports() -> None:
    assert (API_PORT, DISCOVERY_PORT) == (server.API_PORT, server.DISCOVERY_PORT)


def test_a_session_has_names_inside_and_outside() -> None:
    assert session_domains(FACILITY, URL) == [
        "sessions.opendata.svc",
        "sessions.opendata.svc.cluster.local",
        "dask.hub.example.org",
    ]


@pytest.mark.parametrize("url", ["https://192.0.2.7:8443", "https://[2001:db8::7]"])
def test_an_address_has_no_names_below_it(url: str) -> None:
    assert len(session_domains(FACILITY, url)) == 2


async def test_the_hubs_certificate_gets_a_bundle_from_the_deployed_service(tmp_path: Path) -> None:
    resources = made(key_generation=3)
    places = deploy(resources, tmp_path)
    async with server.serving(places, server.Addresses("127.0.0.1", 0, 0)) as addresses:
        leaf = Leaf(
            resources["ca-hub-client-key"]["privateKeyPemPkcs8"],
            resources["ca-hub-client-certificate"]["certPem"] + resources["ca-certificate"]["certPem"],
        )
        hub = Caller(addresses, FacilityCa(resources), tmp_path / "hub", leaf)
        answer = await hub.bundle()
        keys = (await hub.discover("/jwks")).json["keys"]
    assert answer.status == 200
    assert answer.json["expires"]["access_token"] > time.time() + 21000
    assert {key["kid"] for key in keys} == set(published(resources).values())


async def test_with_a_pool_bundles_have_its_token_signed_with_the_pools_key(tmp_path: Path) -> None:
    resources = made(pool=pool_tokens)
    places = deploy(resources, tmp_path)
    assert "pool.key" in resources["credentials-keys"]["stringData"]
    assert "0123456789abcdef" not in json.dumps(resources["credentials-config"])
    async with server.serving(places, server.Addresses("127.0.0.1", 0, 0)) as addresses:
        leaf = Leaf(
            resources["ca-hub-client-key"]["privateKeyPemPkcs8"],
            resources["ca-hub-client-certificate"]["certPem"] + resources["ca-certificate"]["certPem"],
        )
        answer = await Caller(addresses, FacilityCa(resources), tmp_path / "hub", leaf).bundle()
    key = PoolKey.load(b"0123456789abcdef" * 4).key
    claims = jwt.decode(answer.json["files"]["condor_token"], key, algorithms=["HS256"])
    assert (claims["iss"], claims["sub"].partition("@")[2]) == ("pool.example.org", "users.example.org")
    assert answer.json["expires"]["condor_token"] == claims["exp"] == claims["iat"] + 900


def test_without_a_pool_there_is_no_key_of_one() -> None:
    resources = made()
    assert "pool.key" not in resources["credentials-keys"]["stringData"]
    assert json.loads(resources["credentials-config"]["data"]["settings.json"])["pool"] is None


def test_a_pool_without_its_key_keeps_the_service_from_starting(tmp_path: Path) -> None:
    places = deploy(made(pool=pool_tokens), tmp_path)
    (places.keys / "pool.key").unlink()
    with ThreadPoolExecutor(1) as executor, pytest.raises(SettingsError, match=r"pool\.key"):
        server.applications(places, executor)


class FacilityCa(Ca):
    """The CA that the component made."""

    def __init__(self, resources: dict[str, Properties]) -> None:
        self._pem = resources["ca-certificate"]["certPem"]

    @property
    def pem(self) -> str:
        return self._pem


@pytest.mark.parametrize(
    ("present", "kept"), [(1, {1, 2}), (2, {1, 2, 3}), (3, {2, 3, 4}), (10, {9, 10, 11})]
)
def test_the_last_the_present_and_the_next_key_are_published(present: int, kept: set[int]) -> None:
    assert set(generations(present)) == kept
    assert set(published(made(key_generation=present))) == {f"published-{number}.pem" for number in kept}


@pytest.mark.parametrize("present", [1, 2, 7])
def test_the_present_key_signs(present: int) -> None:
    resources = made(key_generation=present)
    assert signing_kid(resources) == published(resources)[f"published-{present}.pem"]


def removed(before: int, after: int) -> dict[int, bool]:
    """Return the keys that go when the setting changes, with whether the engine protects them."""
    return {n: protect for n, protect in generations(before).items() if n not in generations(after)}


@pytest.mark.parametrize("present", range(1, 8))
def test_one_up_rotates_for_what_goes_is_not_protected(present: int) -> None:
    assert not any(removed(present, present + 1).values())


@pytest.mark.parametrize("present", range(1, 8))
def test_keys_that_sign_or_signed_before_do_not_sign_again_and_next_ones_were_published(present: int) -> None:
    before, after = generations(present), generations(present + 1)
    assert present in after, "tokens of before stay valid"
    assert present + 1 in before, "verifiers know the new key"


@pytest.mark.parametrize(("before", "after"), [(2, 1), (5, 4), (1, 3), (2, 4), (4, 9), (3, 1)])
def test_the_engine_refuses_to_go_back_or_to_skip_a_generation(before: int, after: int) -> None:
    assert any(removed(before, after).values())


def test_only_the_signing_key_and_the_cas_are_in_the_pod() -> None:
    resources = made(key_generation=2)
    assert set(resources["credentials-keys"]["stringData"]) == {"ca.key", "signing.key"}
    private = [resources[f"credentials-signing-key-{number}"]["privateKeyPemPkcs8"] for number in (1, 3)]
    mounted = json.dumps([resources[f"credentials-{name}"] for name in ("config", "keys", "tls")])
    assert not [key for key in private if json.dumps(key)[1:-1] in mounted]


def test_no_private_key_is_in_the_config_map() -> None:
    assert "PRIVATE" not in json.dumps(made()["credentials-config"]["data"])


def test_other_objects_than_the_issuers_secret_do_not_have_the_cas_key() -> None:
    resources = made()
    key = json.dumps(resources["ca-key"]["privateKeyPem"])[1:-1]
    kubernetes = {n: r for n, r in resources.items() if "metadata" in r and key in json.dumps(r)}
    assert set(kubernetes) == {"credentials-keys"}


def test_files_that_the_component_makes_fit_together(tmp_path: Path) -> None:
    places = deploy(made(), tmp_path)
    with ThreadPoolExecutor(1) as executor:
        assert len(server.applications(places, executor)) == 2


def test_settings_are_plain_json() -> None:
    found: list[dict[str, object]] = []

    def program() -> None:
        given = CertificateAuthorityArgs(
            facility=FACILITY, public_url=URL, sign_public=False, servers=("credentials",)
        )
        found.append(issuer_settings(arguments(CertificateAuthority("ca", given))))

    run(program)
    assert json.loads(json.dumps(found[0])) == found[0]
