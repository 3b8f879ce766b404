"""The one door to Dask clusters: nginx that routes by name, without keys and without the Kubernetes API."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ServicePortArgs

from components.base import Facility, FacilityComponent
from components.ca import dask_domain
from components.front import public_service
from components.network import SESSION, Flow, ports, receive
from components.session import SessionContribution, SessionDoor
from components.workload import (
    TMP,
    Container,
    Probes,
    deployment,
    http_get,
    resources,
    service,
    variable,
)
from settings import DaskRouter as DaskRouterSettings

COMPONENT = "dask-router"
DASK_PORT = 8786
"""TLS with SNI, passed on unopened."""
HTTP_PORT = 8000
"""The gateway's API and the clusters' dashboards."""
WORLD_PORT = 9786
"""The same for the world, which finds users' sessions here and nothing else."""
SESSION_FLOW = Flow(COMPONENT, ports(DASK_PORT, HTTP_PORT))
"""What a session needs to use gateway clusters."""
ADDRESS = f"http://dask-router:{HTTP_PORT}"


@dataclass(frozen=True, kw_only=True)
class DaskRouterArgs:
    """What the router needs."""

    facility: Facility
    settings: DaskRouterSettings | None
    """How the world gets to sessions, if it does."""
    public_url: str
    """The facility's address in browsers; sessions' names outside are made of its host."""


def session_door(settings: DaskRouterSettings | None, public_url: str) -> SessionDoor | None:
    """Return where the world finds sessions; none where it does not."""
    domain = dask_domain(public_url)
    return SessionDoor(domain=domain, port=settings.port) if settings and domain else None


class DaskRouter(FacilityComponent):
    """nginx with one static configuration: `ssl_preread` for Dask, HTTP for API and dashboards.

    What it may reach is what it can route to; the gateway, the schedulers and the sessions let it in
    themselves.
    """

    address: str
    """http address of the API and the dashboards, in the cluster."""
    door: SessionDoor | None
    """Where computers outside find sessions, if they do."""
    contribution: SessionContribution
    """What it needs of sessions: to be let in where the world is."""

    def __init__(self, name: str, args: DaskRouterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:DaskRouter", name, args.facility, opts)
        self.door = session_door(args.settings, args.public_url)
        deployment(self, COMPONENT, [self._container(args)], checksums={}, replace=False)
        service(self, COMPONENT, "dask-router", {"dask": DASK_PORT, "http": HTTP_PORT})
        if args.settings and self.door:
            self._public_service(args.settings)
        receive(
            self,
            COMPONENT,
            {
                SESSION: ports(DASK_PORT, HTTP_PORT),
                "proxy": ports(HTTP_PORT),
                # The hub asks at its start whether its services answer.
                "hub": ports(HTTP_PORT),
            },
            world=ports(WORLD_PORT) if self.door else (),
        )
        self.address = ADDRESS
        callers = {COMPONENT: ports(DASK_PORT)} if self.door else {}
        self.contribution = SessionContribution(name=name, callers=callers)
        self.register_outputs({"address": self.address})

    def _container(self, args: DaskRouterArgs) -> Container:
        environment = [
            variable("NAMESPACE", args.facility.namespace),
            variable("DNS_DOMAIN", args.facility.dns_domain),
        ]
        listening = {"dask": DASK_PORT, "http": HTTP_PORT}
        if self.door:
            environment.append(variable("WORLD_DOMAIN", self.door.domain))
            listening["world"] = WORLD_PORT
        return Container(
            name="nginx",
            image="router",
            command=["/usr/local/bin/entrypoint.sh"],
            ports=listening,
            probes=Probes(get=http_get("/healthz", HTTP_PORT)),
            resources=resources("20m", "32Mi", "256Mi"),
            environment=environment,
            mounts=[TMP],
        )

    def _public_service(self, settings: DaskRouterSettings) -> None:
        public_service(
            self,
            COMPONENT,
            "dask-router-public",
            ServicePortArgs(
                name="dask",
                port=settings.port,
                target_port=WORLD_PORT,
                node_port=settings.port if settings.service == "NodePort" else None,
            ),
            kind=settings.service,
            balancer=settings.load_balancer,
            # nginx limits each caller's connections.
            own_addresses=True,
        )
