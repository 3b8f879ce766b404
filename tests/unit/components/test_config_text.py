"""Configuration that components write for programs: pure functions, read back as the program would."""

import json
from dataclasses import replace

import pulumi
import yaml

from components.base import Facility
from components.ca import public_names
from components.dask_gateway import DaskGatewayArgs, gateway_settings
from components.hub import access, proxy_command
from components.identity import dex_config, password_variable
from components.session import SessionContribution
from settings import Access, DaskGateway, Identity, Images, Network, Public, Settings

FACILITY = Facility(namespace="opendata", dns_domain="cluster.local", storage_class=None, images=Images())
URL = "https://localhost:30443"


def test_dex_answers_under_the_facilitys_own_address_over_tls() -> None:
    config = yaml.safe_load(dex_config(URL, ("a@example.org",)))
    assert config["issuer"] == "https://localhost:30443/services/dex"
    assert "http" not in config["web"]
    assert config["staticClients"][0]["redirectURIs"] == ["https://localhost:30443/hub/oauth_callback"]


def test_dex_config_names_secrets_by_variable_and_holds_none() -> None:
    config = yaml.safe_load(dex_config(URL, ("a@example.org", "b@example.org")))
    assert [user["hashFromEnv"] for user in config["staticPasswords"]] == [
        password_variable(0),
        password_variable(1),
    ]
    assert not any("hash" in user for user in config["staticPasswords"])
    assert "secret" not in config["staticClients"][0]


def test_a_users_dex_id_does_not_depend_on_the_other_users() -> None:
    alone = yaml.safe_load(dex_config(URL, ("b@example.org",)))["staticPasswords"][0]["userID"]
    second = yaml.safe_load(dex_config(URL, ("a@example.org", "b@example.org")))["staticPasswords"][1]
    assert second["userID"] == alone


def test_the_first_user_of_the_facilitys_own_dex_is_allowed_in() -> None:
    settings = Settings(namespace="opendata", access=Access(users=("b@example.org",)))
    assert access(settings)["users"] == ["physicist@example.org", "b@example.org"]


def test_nobody_is_allowed_in_by_default_with_an_external_issuer() -> None:
    identity = Identity(issuer="https://issuer.example.org", client_id="facility")
    settings = Settings(namespace="unl", identity=identity)
    assert access(settings) == {
        "users": [],
        "groups": (),
        "admins": (),
        "adminGroups": (),
        "everyone": False,
    }


def test_the_proxy_serves_tls_unless_something_in_front_does() -> None:
    assert "--ssl-key=/run/secrets/tls/tls.key" in proxy_command(Public())
    external = proxy_command(replace(Public(), tls="external"))
    assert not [argument for argument in external if "ssl" in argument]
    assert "--port=8000" in external


def test_the_public_certificate_is_for_the_host_users_type() -> None:
    assert public_names("https://localhost:30443").addresses == ("127.0.0.1", "::1")
    assert public_names("https://coffea.example.org").dns == ("coffea.example.org",)
    assert public_names("https://192.0.2.7:8443").addresses == ("192.0.2.7",)


def test_gateway_settings_are_plain_json_with_the_contributions_of_others() -> None:
    args = DaskGatewayArgs(
        facility=FACILITY,
        settings=DaskGateway(idle_timeout=600),
        network=Network(),
        public_url=URL,
        contributions=(SessionContribution(name="cache", environment={"CACHE": "xcache"}),),
    )
    settings = json.loads(json.dumps(gateway_settings(args)))
    assert settings["idleTimeout"] == 600
    assert settings["environment"] == {"CACHE": "xcache"}
    assert settings["worker"] == {"cores": 1, "coresRequest": 0.5, "memory": "2Gi"}
    assert settings["image"].startswith("localhost/coffea-casa/session:")


def test_an_image_of_the_operators_own_replaces_the_tables() -> None:
    images = Images(overrides={"session": "registry.example.org/analysis:2026.9"})
    assert replace(FACILITY, images=images).image("session") == "registry.example.org/analysis:2026.9"


def test_labels_select_by_component_and_pods_carry_no_version() -> None:
    assert FACILITY.labels("hub")["app.kubernetes.io/version"]
    assert "app.kubernetes.io/version" not in FACILITY.pod_labels("hub")


def test_config_text_is_never_an_output() -> None:
    assert not isinstance(dex_config(URL, ()), pulumi.Output)
