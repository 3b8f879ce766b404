"""Dask clusters in Kubernetes: dask-gateway, limited to the facility's namespace."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components import dask_router
from components.base import Facility, FacilityComponent
from components.dask_cluster_crd import dask_cluster_crd
from components.hub_service import HubService
from components.keys import camel
from components.network import (
    EVERYWHERE,
    SCHEDULER,
    WORKER,
    Ports,
    ports,
    receive,
    send,
    send_to_addresses,
)
from components.rbac import service_account
from components.session import SessionContribution, merge
from components.workload import (
    TMP,
    UID,
    Container,
    Mount,
    Probes,
    checksum,
    config_map,
    deployment,
    http_get,
    resources,
    secret,
    secret_checksum,
    service,
)
from settings import DaskGateway as GatewaySettings
from settings import Network

API = "dask-gateway-api"
CONTROLLER = "dask-gateway-controller"
PREFIX = "/services/dask-gateway"
API_PORT = 8000
GATE_PORT = 8001
"""The dashboard gate: asks whose cluster a dashboard is before the router shows it."""
SCHEDULER_DASHBOARD_PORT = 8787
SCHEDULER_API_PORT = 8788
HIGH_PORTS = (Ports(1024, 65535),)
"""Workers and nannies listen on ports the kernel picks."""

API_RULES = (
    # Clusters are objects; the API server makes, changes and ends them for their users.
    PolicyRuleArgs(
        api_groups=["gateway.dask.org"],
        resources=["daskclusters"],
        verbs=["get", "list", "watch", "create", "patch"],
    ),
    # Each cluster's certificate and token, handed to its owner.
    PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=["get"]),
    # The user's session pod, which becomes the owner of their clusters.
    PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list"]),
)
CONTROLLER_RULES = (
    # Records of ended clusters are deleted after a day.
    PolicyRuleArgs(
        api_groups=["gateway.dask.org"], resources=["daskclusters"], verbs=["list", "watch", "delete"]
    ),
    PolicyRuleArgs(api_groups=["gateway.dask.org"], resources=["daskclusters/status"], verbs=["patch"]),
    PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list", "watch", "create", "delete"]),
    PolicyRuleArgs(api_groups=[""], resources=["endpoints"], verbs=["list", "watch"]),
    PolicyRuleArgs(api_groups=[""], resources=["secrets", "services"], verbs=["create", "delete"]),
)


@dataclass(frozen=True, kw_only=True)
class DaskGatewayArgs:
    """What the gateway needs."""

    facility: Facility
    settings: GatewaySettings
    network: Network
    public_url: str
    contributions: tuple[SessionContribution, ...]
    """What schedulers and workers get besides their own."""


def gateway_settings(args: DaskGatewayArgs) -> dict[str, object]:
    """Return what services/gateway reads as its settings.json."""
    facility, settings = args.facility, args.settings
    pod = merge(args.contributions)
    pull_secret = facility.images.pull_secret
    return {
        "namespace": facility.namespace,
        "dnsDomain": facility.dns_domain,
        "instance": facility.namespace,
        "image": facility.image("session"),
        "pullPolicy": facility.images.pull_policy,
        "pullSecrets": [pull_secret] if pull_secret else [],
        "uid": UID,
        "gid": UID,
        "hubApiUrl": "http://hub:8081/hub/api",
        "hubServiceName": "dask-gateway",
        "apiUrl": f"http://dask-gateway:{API_PORT}{PREFIX}/api",
        "prefix": PREFIX,
        "publicUrl": args.public_url,
        "idleTimeout": settings.idle_timeout,
        "scheduler": camel(asdict(settings.scheduler)),
        "worker": camel(asdict(settings.worker)),
        "limits": camel(asdict(settings.limits)),
        "environment": pod.environment,
        "volumes": pod.volumes,
        "volumeMounts": pod.mounts,
        "initContainers": pod.sidecars,
        "labels": facility.pod_labels("dask") | {"app.kubernetes.io/managed-by": "dask-gateway"},
    }


class DaskGateway(FacilityComponent):
    """The gateway's API server and controller, the DaskCluster CRD, and the flows of clusters."""

    hub_service: HubService
    """The gateway as a service of the hub: users' tokens are checked there."""
    contribution: SessionContribution
    """What makes ``dask_gateway.Gateway()`` work in a session."""

    def __init__(self, name: str, args: DaskGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:DaskGateway", name, args.facility, opts, asdict(args.settings))
        token = random.RandomPassword(
            f"{name}-hub-token", length=64, special=False, opts=self.child(protect=True)
        )
        self.hub_service = HubService(
            name="dask-gateway", url=dask_router.ADDRESS, token=token.result, oauth=True, callers=(API,)
        )
        config = json.dumps(gateway_settings(args), indent=2, sort_keys=True)
        config_map(self, API, "dask-gateway-config", {"settings.json": config})
        secret(self, API, "dask-gateway-secrets", {"hub-token": token.result})
        crd = [dask_cluster_crd(self)] if args.settings.install_crd else []
        checksums: dict[str, pulumi.Input[str]] = {"config": checksum(config)}
        secrets = {"secrets": secret_checksum({"hub-token": token.result})}
        settings_mount = Mount(
            name="config", path="/etc/coffea-casa/gateway", config_map="dask-gateway-config"
        )
        token_mount = Mount(name="secrets", path="/run/secrets/gateway", secret="dask-gateway-secrets")
        deployment(
            self,
            API,
            [
                Container(
                    name="api",
                    image="gateway",
                    command=[
                        "dask-gateway-server",
                        "-f",
                        "/opt/coffea-casa/services/gateway/dask_gateway_config.py",
                    ],
                    ports={"api": API_PORT},
                    probes=Probes(get=http_get(f"{PREFIX}/api/health", API_PORT)),
                    resources=resources("50m", "128Mi", "512Mi"),
                    mounts=[settings_mount, TMP],
                ),
                Container(
                    name="gate",
                    image="gateway",
                    command=["python", "-m", "services.gateway.dashboard_gate"],
                    ports={"gate": GATE_PORT},
                    probes=Probes(get=http_get("/healthz", GATE_PORT)),
                    resources=resources("10m", "64Mi", "256Mi"),
                    mounts=[settings_mount, token_mount, TMP],
                ),
            ],
            checksums=checksums | secrets,
            replace=False,
            service_account=API,
            depends_on=[*crd, *service_account(self, API, API_RULES)],
        )
        deployment(
            self,
            CONTROLLER,
            [
                Container(
                    name="controller",
                    image="gateway",
                    command=["python", "-m", "services.gateway.controller"],
                    ports={"api": API_PORT},
                    probes=Probes(get=http_get("/api/health", API_PORT)),
                    resources=resources("50m", "128Mi", "512Mi"),
                    mounts=[settings_mount, TMP],
                )
            ],
            checksums=checksums,
            replace=True,
            service_account=CONTROLLER,
            depends_on=[*crd, *service_account(self, CONTROLLER, CONTROLLER_RULES)],
        )
        service(self, API, "dask-gateway", {"api": API_PORT, "gate": GATE_PORT})
        self._flows(args)
        self.contribution = SessionContribution(
            name=name,
            environment={
                "DASK_GATEWAY__ADDRESS": f"{dask_router.ADDRESS}{PREFIX}",
                "DASK_GATEWAY__PROXY_ADDRESS": f"gateway://dask-router:{dask_router.DASK_PORT}",
                "DASK_GATEWAY__PUBLIC_ADDRESS": PREFIX,
                "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
            },
            flows=(dask_router.SESSION_FLOW,),
        )
        self.register_outputs({})

    def _flows(self, args: DaskGatewayArgs) -> None:
        receive(self, API, {dask_router.COMPONENT: ports(API_PORT, GATE_PORT), SCHEDULER: ports(API_PORT)})
        receive(
            self,
            SCHEDULER,
            {
                API: ports(SCHEDULER_API_PORT),
                WORKER: ports(dask_router.DASK_PORT),
                dask_router.COMPONENT: ports(dask_router.DASK_PORT, SCHEDULER_DASHBOARD_PORT),
            },
        )
        receive(self, WORKER, {SCHEDULER: HIGH_PORTS, WORKER: HIGH_PORTS})
        api_ports = tuple(Ports(number) for number in args.network.api_server_ports)
        for component in (API, CONTROLLER):
            send_to_addresses(
                self, component, "kubernetes-api", args.network.api_server_cidrs, ports=api_ports
            )
        for component in (SCHEDULER, WORKER):
            for flow in merge(args.contributions).flows:
                send(self, component, flow)
            if args.network.internet:
                send_to_addresses(
                    self, component, "internet", EVERYWHERE, excepted=args.network.private_cidrs
                )
