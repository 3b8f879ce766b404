"""The one door to Dask clusters: nginx that routes by name, without keys and without the Kubernetes API."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.base import Facility, FacilityComponent
from components.network import SESSION, Flow, ports, receive
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

COMPONENT = "dask-router"
DASK_PORT = 8786
"""TLS with SNI, passed on unopened."""
HTTP_PORT = 8000
"""The gateway's API and the clusters' dashboards."""
SESSION_FLOW = Flow(COMPONENT, ports(DASK_PORT, HTTP_PORT))
"""What a session needs to use gateway clusters."""
ADDRESS = f"http://dask-router:{HTTP_PORT}"


@dataclass(frozen=True, kw_only=True)
class DaskRouterArgs:
    """What the router needs."""

    facility: Facility


class DaskRouter(FacilityComponent):
    """nginx with one static configuration: `ssl_preread` for Dask, HTTP for API and dashboards.

    What it may reach is what it can route to; the gateway and the schedulers let it in themselves.
    """

    address: str
    """http address of the API and the dashboards, in the cluster."""

    def __init__(self, name: str, args: DaskRouterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:DaskRouter", name, args.facility, opts)
        deployment(
            self,
            COMPONENT,
            [
                Container(
                    name="nginx",
                    image="router",
                    command=["/usr/local/bin/entrypoint.sh"],
                    ports={"dask": DASK_PORT, "http": HTTP_PORT},
                    probes=Probes(get=http_get("/healthz", HTTP_PORT)),
                    resources=resources("20m", "32Mi", "256Mi"),
                    environment=[
                        variable("NAMESPACE", args.facility.namespace),
                        variable("DNS_DOMAIN", args.facility.dns_domain),
                    ],
                    mounts=[TMP],
                )
            ],
            checksums={},
            replace=False,
        )
        service(self, COMPONENT, "dask-router", {"dask": DASK_PORT, "http": HTTP_PORT})
        receive(
            self,
            COMPONENT,
            {
                SESSION: ports(DASK_PORT, HTTP_PORT),
                "proxy": ports(HTTP_PORT),
                # The hub asks at its start whether its services answer.
                "hub": ports(HTTP_PORT),
            },
        )
        self.address = ADDRESS
        self.register_outputs({"address": self.address})
