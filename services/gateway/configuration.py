"""Settings -> dask-gateway's configuration, by pure functions that tests call too."""

from __future__ import annotations

from traitlets.config import Config

from services.gateway import pods
from services.gateway.options import cluster_options
from services.gateway.settings import GatewaySettings


def configure(config: Config, settings: GatewaySettings) -> None:
    """Configure the API server, the controller and the clusters they make."""
    _server(config, settings)
    _clusters(config, settings)
    config.InOneNamespace.namespace = settings.namespace
    both = config.KubeBackendAndControllerMixin
    both.gateway_instance = settings.instance
    both.common_labels = pods.labels(settings)
    config.KubeController.address = ":8000"
    config.KubeController.api_url = settings.api_url


def _server(config: Config, settings: GatewaySettings) -> None:
    gateway = config.DaskGateway
    gateway.address = ":8000"
    gateway.backend_class = "services.gateway.backend.FacilityBackend"
    gateway.authenticator_class = "services.gateway.auth.HubAuthenticator"
    hub = config.JupyterHubAuthenticator
    hub.jupyterhub_api_url = settings.hub_api_url
    # With the service's name set, a token must hold the scope access:services!service=NAME.
    hub.jupyterhub_service_name = settings.hub_service_name
    hub.use_service_access_scopes = True
    backend = config.FacilityBackend
    backend.prefix = settings.prefix
    backend.max_clusters = settings.limits.clusters
    backend.max_cores = settings.limits.cores
    backend.max_memory = settings.limits.memory
    backend.cluster_options = cluster_options(settings)


def _clusters(config: Config, settings: GatewaySettings) -> None:
    cluster = config.KubeClusterConfig
    scheduler, pod, container = settings.scheduler, pods.pod(settings), pods.container(settings)
    cluster.namespace = settings.namespace
    cluster.image = settings.image
    cluster.image_pull_policy = settings.pull_policy
    cluster.image_pull_secrets = [{"name": name} for name in settings.pull_secrets]
    cluster.idle_timeout = float(settings.idle_timeout)
    cluster.environment = dict(settings.environment)
    cluster.scheduler_cores = scheduler.cores_request
    cluster.scheduler_cores_limit = scheduler.cores
    cluster.scheduler_memory = scheduler.memory
    cluster.scheduler_memory_limit = scheduler.memory
    cluster.scheduler_extra_pod_config = pod
    cluster.worker_extra_pod_config = pod
    cluster.scheduler_extra_container_config = container
    cluster.worker_extra_container_config = container
