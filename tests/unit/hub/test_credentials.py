"""Credentials of sessions over their life: before the pod, with it, renewed, after a restart of the hub."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiException

from services.hub import credentials as module
from services.hub.credentials import SPENT, SessionCredentials, due
from services.hub.identity_token import AccessToken
from services.hub.issuer import Bundle, IssuerError
from services.hub.slug import slug

USER = "ada@example.org"
SLUG = slug(USER)
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "hub", "uid": "account"}
LABELS = {"app.kubernetes.io/component": "session"}
POD = {"metadata": {"name": f"jupyter-{SLUG}", "uid": "pod-1"}}


@dataclass
class Api:
    """Kubernetes' Secrets, written and never read."""

    secrets: dict[str, Any] = field(default_factory=dict[str, Any])
    broken: bool = False

    async def replace_namespaced_secret(self, name: str, namespace: str, body: Any) -> None:
        if self.broken:
            raise ApiException(status=500, reason="broken")
        if name not in self.secrets:
            raise ApiException(status=404)
        self.secrets[name] = body

    async def create_namespaced_secret(self, namespace: str, body: Any) -> None:
        assert namespace == "opendata"
        assert body["metadata"]["name"] not in self.secrets
        self.secrets[body["metadata"]["name"]] = body


class World:
    """A hub with one user, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, log_in: Any = None) -> None:
        self.now, self.asked, self.down = 1000.0, list[tuple[str, str]](), False
        monkeypatch.setattr(module.time, "time", lambda: self.now)
        self.api = Api()
        self.spawner = SimpleNamespace(
            user=SimpleNamespace(name=USER),
            pod_name=POD["metadata"]["name"],
            namespace="opendata",
            api=self.api,
            log=logging.getLogger("spawner"),
            pod_reflector=SimpleNamespace(pods={f"opendata/{POD['metadata']['name']}": POD}),
        )
        self.log_in = log_in
        self.credentials = self.hub()

    def hub(self, **more: Any) -> SessionCredentials:
        """Return the state of a hub that has just started."""
        return SessionCredentials(ask=self.ask, log_in=self.log_in, keeper=ACCOUNT, labels=LABELS, **more)

    async def ask(self, user: str, label: str) -> Bundle:
        self.asked.append((user, label))
        if self.down:
            raise IssuerError("it is away")
        number = len(self.asked)
        return Bundle(
            files={"ca.pem": "ca", "access_token": f"token-{number}"},
            expires={"access_token": int(self.now) + 400, "hostcert.pem": int(self.now) + 9000},
        )

    async def spawn(self) -> None:
        await self.credentials.prepare(self.spawner)
        await self.credentials.hand_over(self.spawner, POD)

    async def look(self) -> None:
        """Do what a poll does, and wait for what it started."""
        self.credentials.look(self.spawner)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    @property
    def secret(self) -> Any:
        return self.api.secrets[f"session-{SLUG}"]

    @property
    def token(self) -> str:
        return self.secret["stringData"]["access_token"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_the_secret_is_there_before_the_pod_and_then_the_pods(world: World) -> None:
    await world.credentials.prepare(world.spawner)
    assert world.secret["metadata"]["ownerReferences"] == [ACCOUNT]
    await world.credentials.hand_over(world.spawner, POD)
    (owner,) = world.secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Pod", POD["metadata"]["name"], "pod-1")
    assert world.secret["metadata"]["labels"] == LABELS | {"coffea-casa/user": SLUG}
    # One bundle: the second writing changes the owner alone.
    assert world.asked == [(USER, SLUG)]
    assert world.token == "token-1"


async def test_without_the_issuer_there_is_no_secret_and_the_user_is_told(world: World) -> None:
    world.down = True
    with pytest.raises(IssuerError):
        await world.credentials.prepare(world.spawner)
    assert world.api.secrets == {}


async def test_a_secret_of_before_is_replaced(world: World) -> None:
    await world.spawn()
    POD_2 = {"metadata": {"name": POD["metadata"]["name"], "uid": "pod-2"}}
    await world.credentials.prepare(world.spawner)
    await world.credentials.hand_over(world.spawner, POD_2)
    assert world.secret["metadata"]["ownerReferences"][0]["uid"] == "pod-2"
    assert world.token == "token-2"


async def test_nothing_is_renewed_before_its_time_and_everything_after(world: World) -> None:
    await world.spawn()
    world.now += 99
    await world.look()
    assert world.token == "token-1"
    world.now += 2
    await world.look()
    assert world.token == "token-2"
    assert world.secret["metadata"]["ownerReferences"][0]["uid"] == "pod-1"
    await world.look()
    assert len(world.asked) == 2


async def test_a_hub_that_comes_back_renews_at_its_first_look(world: World) -> None:
    await world.spawn()
    world.credentials = world.hub()
    await world.look()
    assert world.token == "token-2"
    await world.look()
    assert len(world.asked) == 2


async def test_a_failed_renewal_keeps_what_there_is_and_is_tried_again_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.spawn()
    world.now += 101
    world.down = True
    await world.look()
    await world.look()
    assert (world.token, len(world.asked)) == ("token-1", 2)
    assert "not renewed: it is away" in caplog.text
    world.down, world.api.broken = False, True
    world.now += 31
    await world.look()
    world.api.broken = False
    world.now += 31
    await world.look()
    assert world.token == "token-4"
    assert "token-" not in caplog.text


async def test_a_lost_secret_comes_back_with_the_next_renewal(world: World) -> None:
    await world.spawn()
    world.api.secrets.clear()
    world.now += 101
    await world.look()
    assert world.token == "token-2"


async def test_a_session_that_is_being_made_is_left_alone(world: World) -> None:
    await world.credentials.prepare(world.spawner)
    await world.look()
    assert len(world.asked) == 1
    await world.credentials.hand_over(world.spawner, POD)
    await world.look()
    assert len(world.asked) == 1


async def test_looks_while_a_renewal_runs_start_no_other(world: World) -> None:
    await world.spawn()
    world.now += 101
    for _ in range(5):
        world.credentials.look(world.spawner)
    await asyncio.sleep(0.01)
    assert len(world.asked) == 2


@pytest.mark.parametrize("pods", [{}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}])
async def test_a_session_that_goes_gets_nothing_more(world: World, pods: dict[str, str]) -> None:
    await world.spawn()
    world.now += 101
    reflected = world.spawner.pod_reflector.pods
    if pods:
        reflected.update({key: {"metadata": POD["metadata"] | pods} for key in list(reflected)})
    else:
        reflected.clear()
    await world.look()
    assert len(world.asked) == 1


async def test_the_log_ins_token_takes_the_place_of_the_facilitys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def log_in(spawner: Any) -> AccessToken:
        assert spawner.user.name == USER
        return AccessToken("of-the-log-in", 1040)

    world = World(monkeypatch, log_in)
    await world.spawn()
    assert world.token == "of-the-log-in"
    # A quarter of its 40 s.
    world.now += 11
    await world.look()
    assert len(world.asked) == 2


def test_the_first_to_end_says_when_all_are_renewed() -> None:
    bundle = Bundle(files={}, expires={"access_token": 21600, "hostcert.pem": 604800})
    assert due(bundle, 0) == SPENT * 21600


def test_the_shortest_token_is_renewed_and_seen_before_two_thirds_of_its_life() -> None:
    shortest, poll, kubelet, keeper = 300, 30 * 1.1, 90, 2
    assert SPENT * shortest + poll + kubelet + keeper <= shortest * 2 / 3


async def test_who_never_logs_in_gets_the_facilitys_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async def log_in(_spawner: Any) -> AccessToken:
        raise AssertionError("there is no log-in")

    world = World(monkeypatch, log_in)
    world.credentials = world.hub(without_log_in=frozenset({USER}))
    await world.spawn()
    assert world.token == "token-1"
