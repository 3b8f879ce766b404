"""Sessions that submit to a site's own access point: what they are told, what the facility lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pulumi
import pytest
import yaml

from components import condor_config as config
from components import keeper, token_exchange
from components.base import Facility
from components.ca import ServerCertificate
from components.condor_bridge import CondorBridge, CondorBridgeArgs
from components.credentials import CredentialIssuerArgs, SiteTokens, issuer_settings
from components.session import SessionDoor
from settings import Credentials, Images, Network, Pool, RemotePool
from tests.realmocks import run
from tests.unit.components.test_condor import values

FACILITY = Facility(namespace="atlas", dns_domain="cluster.local", storage_class=None, images=Images())
SITE = RemotePool(
    collector="cm.site.example.org",
    schedd="schedd@cm.site.example.org",
    cidrs=("198.51.100.0/24",),
    worker_ports=(20000, 20099),
    image="docker://registry.example.org/execute:1",
    audience="https://condor.site.example.org",
    ca_config_map="condor-ca",
)
POOL = Pool(mode="remote", trust_domain="site.example.org", uid_domain="users.site.example.org", remote=SITE)
DOOR = SessionDoor(domain="dask.facility.example.org", port=443)


def test_tools_go_to_the_site_with_a_scitoken_and_look_at_its_certificate() -> None:
    told = values(config.client(FACILITY, POOL))
    assert told["COLLECTOR_HOST"] == "cm.site.example.org:9618"
    assert told["SCHEDD_HOST"] == SITE.schedd
    assert told["TRUST_DOMAIN"] == "site.example.org"
    assert told["SEC_CLIENT_AUTHENTICATION_METHODS"] == "SCITOKENS"
    assert told["SCITOKENS_FILE"] == "/etc/cmsaf-secrets/condor_token"
    assert told["AUTH_SSL_CLIENT_CAFILE"] == "/etc/coffea-casa/pool/ca.pem"
    for level in ("AUTHENTICATION", "ENCRYPTION", "INTEGRITY"):
        assert told[f"SEC_CLIENT_{level}"] == "REQUIRED"


def test_a_site_that_gives_tokens_itself_is_shown_those() -> None:
    given = replace(SITE, tokens="secrets", secret="condor-token", audience=None, ca_config_map=None)
    told = values(config.client(FACILITY, replace(POOL, remote=given)))
    assert told["SEC_CLIENT_AUTHENTICATION_METHODS"] == "IDTOKENS"
    assert told["SEC_TOKEN_DIRECTORY"] == "/etc/cmsaf-secrets/tokens.d"
    assert "SCITOKENS_FILE" not in told


def submitted(universe: Any) -> list[str]:
    image = None if universe == "vanilla" else SITE.image
    text = config.dask(FACILITY, replace(POOL, remote=replace(SITE, universe=universe, image=image)))
    return yaml.safe_load(text)["jobqueue"]["coffea-casa"]["submit-command-extra"]


def test_the_client_submits_to_the_site_and_removes_there() -> None:
    there = ["-name", SITE.schedd, "-pool", "cm.site.example.org:9618"]
    assert submitted("container")[:5] == ["-spool", *there]
    cancel = yaml.safe_load(config.dask(FACILITY, POOL))["jobqueue"]["coffea-casa"]["cancel-command-extra"]
    assert cancel == there


@pytest.mark.parametrize(
    ("universe", "wanted"),
    [
        (
            "container",
            ["universe = container", f"container_image = {SITE.image}", "docker_network_type = host"],
        ),
        ("docker", ["universe = docker", f"docker_image = {SITE.image}", "docker_network_type = host"]),
        ("vanilla", ["universe = vanilla", "docker_image ="]),
    ],
)
def test_workers_run_in_what_the_site_has(universe: str, wanted: list[str]) -> None:
    words = submitted(universe)
    lines = [line for flag, line in zip(words, words[1:], strict=False) if flag == "-append"]
    for line in [*wanted, "executable = /usr/local/bin/condor-job", 'MY.DaskWorkerPorts = "20000:20099"']:
        assert line in lines
    assert ("docker_network_type = host" in lines) == (universe != "vanilla")


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """What the bridge makes."""
    found: list[CondorBridge] = []

    def program() -> None:
        given = CondorBridgeArgs(
            facility=FACILITY, settings=POOL, network=Network(), contributions=(), door=DOOR
        )
        found.append(CondorBridge("condor", given))

    return run(program) | {"bridge": found[0]}


def test_the_facility_has_no_daemon_no_key_and_nothing_secret(resources: dict[str, Any]) -> None:
    assert sorted(name for name in resources if name != "bridge") == [
        "condor",
        "condor-client",
        "session-to-site",
    ]


def test_sessions_reach_the_access_point_and_workers_and_nothing_else(resources: dict[str, Any]) -> None:
    (way,) = resources["session-to-site"]["spec"]["egress"]
    assert way["to"] == [{"ipBlock": {"cidr": "198.51.100.0/24"}}]
    assert [(port["port"], port.get("endPort")) for port in way["ports"]] == [(9618, None), (20000, 20099)]


def test_workers_come_to_their_scheduler_by_the_worlds_door(resources: dict[str, Any]) -> None:
    told = resources["bridge"].contribution.environment
    assert told["HOST_IP"] == "{user_server}.dask.facility.example.org"


def test_the_sites_ca_is_a_file_of_sessions(resources: dict[str, Any]) -> None:
    files = {file.path: (file.kind, file.source) for file in resources["bridge"].contribution.files}
    assert files["/etc/coffea-casa/pool/ca.pem"] == ("configMap", "condor-ca")


def issuer_told(pool: SiteTokens) -> dict[str, object]:
    secret = pulumi.Output.secret("x")
    args = CredentialIssuerArgs(
        facility=FACILITY,
        settings=Credentials(),
        public_url="https://af.example.org",
        audience=("https://cache.example.org",),
        ca_certificate=secret,
        ca_key=secret,
        certificate=ServerCertificate(key=secret, chain=secret),
        pool=pool,
    )
    return issuer_settings(args)


def test_scitokens_are_from_where_the_hub_shows_the_keys() -> None:
    told = issuer_told(SiteTokens(audience=SITE.audience, lifetime=3600))
    assert told["pool"] is None
    assert told["sciTokens"] == {
        "issuer": "https://af.example.org/hub/issuer",
        "audience": SITE.audience,
        "tokenLifetime": 3600,
    }
    assert issuer_told(SiteTokens(lifetime=3600, secret="condor-token"))["sciTokens"] is None


SERVED = replace(
    SITE, tokens="service", service="https://tokens.site.example.org:9443/v1/token", audience="tokens"
)


def test_a_token_service_is_told_who_asks_by_a_key_of_its_own() -> None:
    told = issuer_told(SiteTokens(audience="tokens", assertion=True, lifetime=3600))
    assert told["sciTokens"] is None
    assert told["assertions"] == {
        "issuer": "https://af.example.org/hub/issuer",
        "audience": "tokens",
        "tokenLifetime": 3600,
    }


def test_what_the_service_gives_is_shown_to_the_site_as_an_idtoken() -> None:
    told = values(config.client(FACILITY, replace(POOL, remote=SERVED)))
    assert told["SEC_CLIENT_AUTHENTICATION_METHODS"] == "IDTOKENS"
    assert told["SEC_TOKEN_DIRECTORY"] == token_exchange.TOKENS
    assert "SCITOKENS_FILE" not in told


def test_a_sidecar_without_rights_gets_the_token_and_nothing_waits_for_it() -> None:
    found: list[CondorBridge] = []

    def program() -> None:
        settings = replace(POOL, remote=SERVED)
        given = CondorBridgeArgs(
            facility=FACILITY, settings=settings, network=Network(), contributions=(), door=DOOR
        )
        found.append(CondorBridge("condor", given))

    made = run(program)
    (way,) = made["session-to-site"]["spec"]["egress"]
    assert 9443 in [port["port"] for port in way["ports"]]
    contribution = found[0].contribution
    (sidecar,) = contribution.sidecars
    assert sidecar["args"] == [
        "condor-token-exchange",
        SERVED.service,
        "/etc/cmsaf-secrets/condor_assertion",
        "/etc/coffea-casa/token-service/ca.pem",
        token_exchange.TOKENS,
    ]
    assert "startupProbe" not in sidecar
    assert sidecar["securityContext"] == keeper.security_context()
    assert contribution.mounts == (
        {"name": "condor-tokens", "mountPath": "/run/secrets/condor", "readOnly": True},
    )
    assert "/etc/coffea-casa/pool/ca.pem" not in [file.path for file in contribution.files]


def test_without_a_ca_of_its_own_a_token_service_has_a_public_one() -> None:
    volumes = token_exchange.volumes(None)
    assert [volume["name"] for volume in volumes] == ["condor-tokens"]
    assert keeper.CA_BUNDLE in str(token_exchange.sidecar(FACILITY, "https://a/", None)["args"])


def test_a_users_own_secret_is_theirs_alone_and_may_be_missing() -> None:
    (source, _) = keeper.volumes("condor-token")
    both = source["projected"]["sources"]  # type: ignore[index]
    assert both[0] == {"secret": {"name": "session-{user_server}"}}
    assert both[1]["secret"]["name"] == "condor-token-{user_server}"
    assert both[1]["secret"]["optional"] is True
    assert "condor-token" not in json.dumps(keeper.volumes())
