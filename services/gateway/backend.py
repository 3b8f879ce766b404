# pyright: basic
# dask-gateway-server has no types.
"""The API server's backend: dask-gateway's, in one namespace, with limits per user."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from aiohttp import web
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.kubernetes.backend import KubeBackend
from dask_gateway_server.models import Cluster, ClusterStatus, User
from dask_gateway_server.routes import default_routes
from traitlets import Float, Integer, Unicode

from services.gateway import limits, pods
from services.gateway.namespaced import InOneNamespace
from services.gateway.settings import Json, Limits

USER_LABEL = "coffea-casa/user"
"""Label of DaskClusters by which a user's clusters are found."""
_GROUP, _PLURAL = "gateway.dask.org", "daskclusters"
_SLUG_LABEL = "coffea-casa/user"
"""Label of session pods: the user's DNS label, as the hub made it."""
_USER_ANNOTATION = "hub.jupyter.org/username"


def user_label(username: str) -> str:
    """Return a label value for any user name: names may be longer than labels, or not ASCII."""
    return hashlib.sha256(username.encode()).hexdigest()[:40]


def live_sessions(sessions: list[Any], username: str) -> list[Any]:
    """Return the user's session pods that have not ended.

    Raises PublicException for none: a cluster works with its session's credentials.
    """
    found = [
        pod
        for pod in sessions
        if (pod.metadata.annotations or {}).get(_USER_ANNOTATION) == username
        and pod.metadata.deletion_timestamp is None
        and pod.status.phase not in ("Succeeded", "Failed")
    ]
    if not found:
        raise PublicException(
            "you have no running server: start it first; a cluster reads data in its name and ends with it"
        )
    return found


def owner_references(sessions: list[Any]) -> list[Json]:
    """Return references to session pods.

    Kubernetes deletes an object when the last of its owners is gone, so a
    cluster ends with the user's server (the last of them, with named servers)
    even while the hub is down.
    """
    return [
        {"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": pod.metadata.uid}
        for pod in sessions
    ]


class FacilityBackend(InOneNamespace, KubeBackend):
    """Clusters of one facility."""

    prefix = Unicode(help="Path at which the API is served besides the root.", config=True)
    max_clusters = Integer(help="Clusters of one user.", config=True)
    max_cores = Float(help="Cores of all pods of one user's clusters.", config=True)
    max_memory = Integer(help="Bytes of memory of all pods of one user's clusters.", config=True)

    @property
    def limits(self) -> Limits:
        """Limits of one user."""
        return Limits(clusters=self.max_clusters, cores=self.max_cores, memory=self.max_memory)

    async def setup(self, app: Any) -> None:
        """Start, and serve the API below the prefix too: the router passes paths on as they are."""
        # Looking up what a user holds and granting more is one step; requests are few and calls short.
        self._granting = asyncio.Lock()
        await super().setup(app)
        for route in default_routes:
            if isinstance(route, web.RouteDef):
                app.router.add_route(route.method, self.prefix + route.path, route.handler)

    async def start_cluster(self, user: User, cluster_options: Json) -> str:
        """Make the DaskCluster, or raise PublicException with what the user can do about it."""
        options, config = await self.process_cluster_options(user, cluster_options)
        cluster: Json = self.make_cluster_object(user.name, options, config)
        cluster["metadata"]["labels"][USER_LABEL] = user_label(user.name)
        async with self._granting:
            held = limits.use(await self._clusters_of(user.name))
            try:
                limits.check_new_cluster(self.limits, held, cluster["spec"]["config"])
            except limits.LimitExceededError as error:
                raise PublicException(str(error)) from error
            sessions = await self.core_client.list_namespaced_pod(
                self.namespace, label_selector="app.kubernetes.io/component=session"
            )
            mine = live_sessions(sessions.items, user.name)
            cluster["metadata"]["ownerReferences"] = owner_references(mine)
            cluster["spec"]["config"] |= pods.of_user(
                cluster["spec"]["config"], mine[0].metadata.labels[_SLUG_LABEL]
            )
            await self.custom_client.create_namespaced_custom_object(
                _GROUP, self.crd_version, self.namespace, _PLURAL, cluster
            )
        name = f"{self.namespace}.{cluster['metadata']['name']}"
        self.log.info("Created cluster %s for user %s", name, user.name)
        await self._told_of(name)
        return name

    async def _told_of(self, cluster_name: str) -> None:
        """Wait, 5 s at most, until the informer knows a new cluster.

        Requests to stop a cluster that it does not know are answered as if they were done, and do nothing.
        """
        for _ in range(100):
            if cluster_name in self.clusters:
                return
            await asyncio.sleep(0.05)
        self.log.warning("Cluster %s is not seen yet: it cannot be stopped", cluster_name)

    async def forward_message_to_scheduler(self, cluster: Cluster, msg: Json) -> None:
        """Grant the workers of a scale or adapt request, then tell the scheduler."""
        if cluster.status == ClusterStatus.RUNNING:
            try:
                async with self._granting:
                    msg = await self._grant(cluster, msg)
            except limits.LimitExceededError as error:
                raise PublicException(str(error)) from error
        await super().forward_message_to_scheduler(cluster, msg)

    async def on_cluster_heartbeat(self, cluster_name: str, msg: Json) -> None:
        """Set the number of workers a scheduler asks for, cut to its grant.

        The scheduler runs its user's code and holds the token that sends
        heartbeats, so limits are kept here and not in what it was told.
        """
        count = max(0, int(msg["count"]))
        cluster = self.informer.get(cluster_name)
        if cluster is not None and count > limits.granted(cluster):
            # What the informer saw may be older than the grant.
            cluster = await self._read(cluster_name)
            if count > limits.granted(cluster):
                self.log.warning("Cluster %s asks for %d workers, over its grant", cluster_name, count)
            count = min(count, limits.granted(cluster))
        await super().on_cluster_heartbeat(cluster_name, {**msg, "count": count})

    async def _grant(self, cluster: Cluster, msg: Json) -> Json:
        """Write the grant a request needs into the DaskCluster; return the message for the scheduler."""
        mine, others = await self._mine_and_others(cluster)
        config = mine["spec"]["config"]
        workers, msg = requested(msg, limits.room(self.limits, others, config))
        if workers is None:
            # Adapting stops: the cluster stays as large as it is.
            workers = int(mine["spec"].get("replicas", 0))
        elif workers > limits.granted(mine):
            # Getting smaller is always allowed, as after the facility lowered its limits.
            limits.check_workers(self.limits, others, config, workers)
        await self.custom_client.patch_namespaced_custom_object(
            _GROUP,
            self.crd_version,
            self.namespace,
            _PLURAL,
            mine["metadata"]["name"],
            [{"op": "add", "path": f"/spec/{limits.GRANT}", "value": workers}],
        )
        return msg

    async def _mine_and_others(self, cluster: Cluster) -> tuple[Json, limits.Use]:
        """Return a cluster's DaskCluster, and what its user's other clusters hold."""
        name = cluster.name.split(".")[1]
        clusters = {each["metadata"]["name"]: each for each in await self._clusters_of(cluster.username)}
        mine = clusters.pop(name, None)
        if mine is None:
            raise PublicException(f"cluster {cluster.name} is not running")
        return mine, limits.use(clusters.values())

    async def _clusters_of(self, username: str) -> list[Json]:
        """List a user's DaskClusters from the API server, which unlike the informer is never late."""
        answer = await self.custom_client.list_namespaced_custom_object(
            _GROUP,
            self.crd_version,
            self.namespace,
            _PLURAL,
            label_selector=f"{self.label_selector},{USER_LABEL}={user_label(username)}",
        )
        return answer["items"]

    async def _read(self, cluster_name: str) -> Json:
        return await self.custom_client.get_namespaced_custom_object(
            _GROUP, self.crd_version, self.namespace, _PLURAL, cluster_name.split(".")[1]
        )


def requested(msg: Json, room: int) -> tuple[int | None, Json]:
    """Return the workers a message to a scheduler may lead to, and the message to send.

    None when adapting ends. ``adapt()`` without a maximum gets the ``room`` there
    is. Raises LimitExceededError for a maximum or minimum that is no whole number.
    """
    if msg["op"] == "scale":
        return msg["count"], msg
    if not msg["active"]:
        return None, msg
    for bound in ("minimum", "maximum"):
        value = msg[bound]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise limits.LimitExceededError(
                f"adapt({bound}=...) takes a whole number of workers, got {value!r}"
            )
    # With no room one worker is asked for, so that the user hears of the limit and does not wait for ever.
    maximum = max(1, room) if msg["maximum"] is None else msg["maximum"]
    return max(maximum, msg["minimum"] or 0), {**msg, "maximum": maximum}
