"""Kubernetes clients that see one namespace only.

dask-gateway's informers list and watch the whole cluster. Here every such call
becomes its namespaced sibling, and any other cluster-wide call is refused before
it is made, so a Role is enough.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from traitlets import Unicode
from traitlets.config import LoggingConfigurable

_SIBLINGS = {
    "list_cluster_custom_object": "list_namespaced_custom_object",
    "list_pod_for_all_namespaces": "list_namespaced_pod",
    "list_endpoints_for_all_namespaces": "list_namespaced_endpoints",
}


class ClusterWideCallError(RuntimeError):
    """A call that a Role of one namespace does not allow."""


class NamespacedClient:
    """A Kubernetes API client of one namespace."""

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    @property
    def api_client(self) -> Any:
        """The client's serializer and connection, which informers use."""
        return self._client.api_client

    def __getattr__(self, name: str) -> Any:
        if name in _SIBLINGS:
            return partial(getattr(self._client, _SIBLINGS[name]), namespace=self._namespace)
        if "_namespaced_" not in name:
            raise ClusterWideCallError(f"{name} reaches beyond the namespace {self._namespace}")
        return getattr(self._client, name)


class InOneNamespace(LoggingConfigurable):
    """Mixin for dask-gateway's backend and controller: the clients they set become namespaced ones."""

    namespace = Unicode(help="The one namespace clusters are in.", config=True)

    @property
    def core_client(self) -> Any:
        """Client of pods, Secrets, Services and Endpoints."""
        return self._core_client

    @core_client.setter
    def core_client(self, client: Any) -> None:
        self._core_client = NamespacedClient(client, self.namespace)

    @property
    def custom_client(self) -> Any:
        """Client of DaskClusters."""
        return self._custom_client

    @custom_client.setter
    def custom_client(self, client: Any) -> None:
        self._custom_client = NamespacedClient(client, self.namespace)
