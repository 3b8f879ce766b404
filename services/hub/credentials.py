# pyright: basic
# KubeSpawner has no types.
"""Credentials of sessions: there before the pod, owned by it, renewed while it runs.

Written only. The hub keeps nothing but the moment of the next renewal; after a restart it
knows none, and renews at the first look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.hub import session_secret
from services.hub.identity_token import AccessToken
from services.hub.issuer import Bundle
from services.hub.session_secret import Json
from services.hub.slug import slug

SPENT = 0.25
"""Part of its life after which a credential is renewed. What is left to two thirds is for the hub's next look
(30 s) and for the kubelet, which takes up to 90 s to show a change (its --sync-frequency of 60 s and half as
much again at random): together less than two thirds of the shortest life, 300 s."""
_AGAIN = 30
"""Seconds until the next try when a renewal failed."""


class SessionCredentials:
    """What KubeSpawner's hooks do about credentials.

    ``ask`` gets a user's bundle; ``log_in`` the access token that takes the place of its data token, if
    there is one, but for users ``without_log_in``; ``keeper`` owns a Secret until its pod is there.
    """

    def __init__(
        self,
        *,
        ask: Callable[[str, str], Awaitable[Bundle]],
        log_in: Callable[[Any], Awaitable[AccessToken]] | None,
        keeper: Json,
        labels: Mapping[str, str],
        without_log_in: frozenset[str] = frozenset(),
    ) -> None:
        self._ask, self._log_in, self._without_log_in = ask, log_in, without_log_in
        self._keeper, self._labels = keeper, labels
        self._new: dict[str, Bundle] = {}
        self._due: dict[str, tuple[str, float]] = {}
        """Pod name to the pod's uid and the moment of its next renewal."""
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def prepare(self, spawner: Any) -> None:
        """Write a new Secret, before there is a pod to wait for it. Raises what the user is to hear."""
        bundle = await self._bundle(spawner)
        await self._write(spawner, self._keeper, bundle)
        self._new[spawner.pod_name] = bundle

    async def hand_over(self, spawner: Any, pod: Json) -> None:
        """Make the new pod the owner of its Secret."""
        bundle = self._new.pop(spawner.pod_name)
        uid = pod["metadata"]["uid"]
        await self._write(spawner, session_secret.pod_reference(spawner.pod_name, uid), bundle)
        self._due[spawner.pod_name] = uid, due(bundle, time.time())

    def look(self, spawner: Any) -> None:
        """Start a renewal, if one is due; does not wait for it."""
        pod = spawner.pod_reflector.pods.get(f"{spawner.namespace}/{spawner.pod_name}")
        if pod is None or pod["metadata"].get("deletionTimestamp") or spawner.pod_name in self._new:
            return
        uid = pod["metadata"]["uid"]
        known, moment = self._due.get(spawner.pod_name, (uid, 0))
        if uid in self._renewing or (known == uid and time.time() < moment):
            return
        task = asyncio.ensure_future(self._renew(spawner, uid))
        self._renewing[uid] = task
        task.add_done_callback(lambda _: self._renewing.pop(uid))

    async def _renew(self, spawner: Any, uid: str) -> None:
        self._due[spawner.pod_name] = uid, time.time() + _AGAIN
        try:
            bundle = await self._bundle(spawner)
            await self._write(spawner, session_secret.pod_reference(spawner.pod_name, uid), bundle)
        except Exception as error:
            # The session goes on with what it has; the next look tries again.
            spawner.log.error("Credentials of %s are not renewed: %s", spawner.user.name, error)
            return
        self._due[spawner.pod_name] = uid, due(bundle, time.time())
        spawner.log.info("Renewed the credentials of %s", spawner.user.name)

    async def _bundle(self, spawner: Any) -> Bundle:
        bundle = await self._ask(spawner.user.name, slug(spawner.user.name))
        if self._log_in is None or spawner.user.name in self._without_log_in:
            return bundle
        token = await self._log_in(spawner)
        return Bundle(
            files={**bundle.files, "access_token": token.text},
            expires={**bundle.expires, "access_token": token.expires},
        )

    async def _write(self, spawner: Any, owner: Json, bundle: Bundle) -> None:
        secret = session_secret.manifest(slug(spawner.user.name), self._labels, owner, bundle.files)
        await session_secret.write(spawner.api, spawner.namespace, secret)


def due(bundle: Bundle, now: float) -> float:
    """Return when the first of a new bundle's files has spent its part; seconds since 1970."""
    return now + SPENT * (min(bundle.expires.values()) - now)
