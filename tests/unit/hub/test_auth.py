"""Who is let in, as the real authenticator decides; and whom the hub believes about its issuer."""

import json
from collections.abc import Callable
from urllib.error import URLError

import pytest
from oauthenticator.generic import GenericOAuthenticator
from traitlets.config import Config

from services.hub.auth import IssuerError, authenticator, discover
from services.hub.settings import HubSettings

Change = Callable[..., HubSettings]
ISSUER = "https://issuer.example.org/realm"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
}


async def allowed(settings: HubSettings, name: str, groups: tuple[str, ...] = ()) -> bool:
    """Ask GenericOAuthenticator itself."""
    made = GenericOAuthenticator(config=Config(GenericOAuthenticator=authenticator(settings, "secret")))
    return bool(await made.check_allowed(name, {"name": name, "admin": None, "groups": list(groups)}))


async def test_the_users_of_the_settings_get_in_and_nobody_else(settings: HubSettings) -> None:
    assert await allowed(settings, "physicist@example.org")
    assert not await allowed(settings, "stranger@example.org")


async def test_without_any_rule_nobody_gets_in(changed: Change) -> None:
    assert not await allowed(changed(access={"users": []}), "physicist@example.org")


async def test_upper_case_in_the_settings_is_the_user_jupyterhub_knows_in_lower_case(changed: Change) -> None:
    assert await allowed(changed(access={"users": ["Ada@Example.org"]}), "ada@example.org")


async def test_members_of_an_allowed_group_get_in_and_others_do_not(changed: Change) -> None:
    settings = changed(access={"users": [], "groups": ["analysis"]}, oidc={"groupsClaim": "groups"})
    assert await allowed(settings, "ada@example.org", ("analysis",))
    assert not await allowed(settings, "ada@example.org", ("others",))


async def test_everyone_means_everyone(changed: Change) -> None:
    assert await allowed(changed(access={"users": [], "everyone": True}), "whoever@example.org")


def test_groups_are_read_from_the_claim_of_the_settings(changed: Change) -> None:
    made = authenticator(changed(oidc={"groupsClaim": "wlcg.groups"}), "secret")
    assert made["auth_state_groups_key"] == "oauth_user.wlcg.groups"
    assert made["manage_groups"]


def test_log_in_uses_pkce(settings: HubSettings) -> None:
    assert authenticator(settings, "secret")["enable_pkce"]


def test_discovery_gives_the_issuers_endpoints() -> None:
    asked: list[str] = []

    def get(url: str) -> str:
        asked.append(url)
        return json.dumps(DOCUMENT)

    assert discover(ISSUER, get)["token_url"] == f"{ISSUER}/token"
    assert asked == [f"{ISSUER}/.well-known/openid-configuration"]


def test_discovery_waits_for_an_issuer_that_starts_later() -> None:
    answers = [URLError("refused"), json.dumps(DOCUMENT)]

    def get(_: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, str):
            return answer
        raise answer

    assert discover(ISSUER, get, pause=0)["authorize_url"] == f"{ISSUER}/authorize"


@pytest.mark.parametrize(
    ("issuer", "document", "message"),
    [
        ("http://issuer.example.org", DOCUMENT, "not https"),
        (
            ISSUER,
            {**DOCUMENT, "issuer": "https://evil.example.org"},
            "is of the issuer 'https://evil.example.org'",
        ),
        (ISSUER, {k: v for k, v in DOCUMENT.items() if k != "token_endpoint"}, "lacks token_endpoint"),
        (ISSUER, {**DOCUMENT, "token_endpoint": "http://issuer.example.org/token"}, "lacks token_endpoint"),
    ],
)
def test_discovery_refuses_what_could_come_from_somebody_else(
    issuer: str, document: dict[str, str], message: str
) -> None:
    with pytest.raises(IssuerError, match=message):
        discover(issuer, lambda _: json.dumps(document), tries=1)


def test_an_issuer_that_never_answers_is_named_with_the_setting() -> None:
    def get(_: str) -> str:
        raise URLError("no route to host")

    with pytest.raises(IssuerError, match="coffea-casa:identity.issuer"):
        discover(ISSUER, get, tries=2, pause=0)
