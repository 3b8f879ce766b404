"""A cache of remote data beside the sessions: XRootD's proxy file cache."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs

from components.base import Facility, FacilityComponent, selector
from components.network import (
    EVERYWHERE,
    SCHEDULER,
    SESSION,
    WORKER,
    Flow,
    ports,
    receive,
    send_to_addresses,
)
from components.session import SessionContribution
from components.workload import (
    TMP,
    Container,
    Mount,
    Probes,
    checksum,
    config_map,
    metadata,
    resources,
    service,
    stateful_set,
)
from settings import XCache as XCacheSettings
from settings.quantity import bytes_of

COMPONENT = "xcache"
PORT = 1094
"""IANA's port of the root protocol."""
NODES = "xcache-nodes"
"""Headless Service that gives each cache its own name."""
CONFIG = Template(Path(__file__).with_suffix(".cfg").read_text())
OVERHEAD = 2**30
"""Bytes of memory for what is not blocks: files' state, connections, the server itself."""


@dataclass(frozen=True, kw_only=True)
class XCacheArgs:
    """What the cache needs."""

    facility: Facility
    settings: XCacheSettings
    private_cidrs: tuple[str, ...]
    """Addresses that an origin has only where the settings say so."""
    readers: tuple[str, ...] = (SESSION, SCHEDULER, WORKER)
    """Components that run users' code."""


def server(origin: str) -> str:
    """Return an origin with its port."""
    return origin if ":" in origin else f"{origin}:{PORT}"


def kibibytes(amount: float) -> str:
    """Return bytes in XRootD's spelling; of a number without a letter some directives take a fraction."""
    return f"{int(amount) // 1024}k"


def config(settings: XCacheSettings, site: str) -> str:
    """Return the server's configuration; ``site`` is the name it gives in its monitoring."""
    size = bytes_of(settings.size)
    low, high = size * settings.low_watermark, size * settings.high_watermark
    return CONFIG.substitute(
        prefix=settings.prefix,
        origin=server(settings.origin),
        site=site,
        memory=kibibytes(bytes_of(settings.memory)),
        block=kibibytes(bytes_of(settings.block_size)),
        prefetch=settings.prefetch,
        # What a full file system, ours or not, may take from us: half of what we keep.
        base=kibibytes(low / 2),
        low=kibibytes(low),
        high=kibibytes(high),
        port=PORT,
    )


class XCache(FacilityComponent):
    """One cache with a volume of its own, for one path of one origin."""

    host: str
    """DNS name of the cache."""
    audience: str
    """Whom a data token for the cache is for."""
    contribution: SessionContribution
    """Where sessions find the cache."""

    def __init__(self, name: str, args: XCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:XCache", name, args.facility, opts, asdict(args.settings))
        facility, settings = args.facility, args.settings
        text = config(settings, facility.namespace)
        memory = bytes_of(settings.memory) + OVERHEAD
        config_map(self, COMPONENT, "xcache-config", {"xcache.cfg": text})
        stateful_set(
            self,
            COMPONENT,
            [
                Container(
                    name="xrootd",
                    image="xcache",
                    command=["/usr/local/bin/xcache"],
                    ports={"root": PORT},
                    probes=Probes(command=("xrdfs", f"localhost:{PORT}", "query", "config", "version")),
                    resources=resources("100m", f"{memory // 2**20}Mi", f"{memory // 2**20}Mi"),
                    mounts=[
                        Mount(name="config", path="/etc/coffea-casa/xcache", config_map="xcache-config"),
                        Mount(name="cache", path="/cache", template=True),
                        Mount(name="run", path="/run/xrootd", memory_dir=True),
                        TMP,
                    ],
                )
            ],
            checksums={"config": checksum(text)},
            names=NODES,
            volume="cache",
            size=settings.size,
        )
        service(self, COMPONENT, "xcache", {"root": PORT})
        k8s.core.v1.Service(
            NODES,
            metadata=metadata(facility, COMPONENT, NODES),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                selector=selector(COMPONENT),
                ports=[ServicePortArgs(name="root", port=PORT, target_port=PORT)],
            ),
            opts=self.child(),
        )
        # The callers' halves come with the contribution, from whoever makes their pods.
        receive(
            self,
            COMPONENT,
            {caller: ports(PORT) for caller in args.readers},
            outgoing=False,
        )
        # An origin sends its readers on to servers of its own, at ports of its own.
        excepted = () if settings.origin_cidrs else args.private_cidrs
        send_to_addresses(self, COMPONENT, "origin", settings.origin_cidrs or EVERYWHERE, excepted=excepted)
        self.host = facility.service_names("xcache")[-1]
        self.audience = f"https://{self.host}:{PORT}"
        self.contribution = SessionContribution(
            name=name,
            environment={"XCACHE_HOST": self.host},
            flows=(Flow(COMPONENT, ports(PORT)),),
        )
        self.register_outputs({"host": self.host})
