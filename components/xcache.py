"""Caches of remote data beside the sessions: XRootD's proxy file cache, one or several with a redirector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.core.v1 import EnvVarArgs, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudgetSpecArgs

from components import xcache_config as text
from components.base import Facility, FacilityComponent, selector
from components.ca import CA_CONFIG_MAP, ServerCertificate
from components.network import (
    EVERYWHERE,
    SCHEDULER,
    SESSION,
    WORKER,
    Flow,
    ports,
    receive,
    send,
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
    deployment,
    http_get,
    metadata,
    resources,
    secret,
    secret_checksum,
    service,
    stateful_set,
    variable,
)
from components.xcache_config import CLUSTER_PORT, METRICS_PORT, PORT
from settings import XCache as XCacheSettings
from settings.quantity import bytes_of

COMPONENT = "xcache"
REDIRECTOR = "xcache-redirector"
NODES = "xcache-nodes"
"""Headless Service that gives each cache its own name."""
CONFIG = "xcache-config"
TLS = "xcache-tls"
OVERHEAD = 2**30
"""Bytes of memory for what is not blocks: files' state, connections, the server itself."""
AUTHORITIES = "/run/xrootd/authorities.pem"
"""Whom to believe, as images/xcache/xcache puts it together."""

RUN = Mount(name="run", path="/run/xrootd", memory_dir=True)
CA = Mount(name="ca", path="/etc/coffea-casa/ca", config_map=CA_CONFIG_MAP)
CERTIFICATE = (
    Mount(name="tls", path="/run/secrets/tls", secret=TLS),
    Mount(name="own-tls", path="/run/tls", secret_dir=True),
)
"""XRootD takes no key that others may read, as a Secret's volume has it, so the start makes a copy."""
LOGIN = Mount(name="login", path="/run/upstream", secret_dir=True)
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "token": {"BEARER_TOKEN_FILE": f"{LOGIN.path}/token"},
    "x509": {
        "X509_USER_PROXY": f"{LOGIN.path}/.proxy",
        "X509_CERT_DIR": f"{LOGIN.path}/.certs",
    },
}
"""How XRootD finds the login to an origin, by the setting ``upstream``."""


PATIENCE: Mapping[str, str] = {
    # Not the half hour for which a server that did not answer is taken for gone (DefaultStreamErrorWindow).
    "XRD_STREAMERRORWINDOW": "1",
    "XRD_CONNECTIONWINDOW": "15",
    "XRD_CONNECTIONRETRY": "1",
    "XRD_REQUESTTIMEOUT": "60",
    "XRD_STREAMTIMEOUT": "30",
    "XRD_DATASERVERTTL": "60",
    "XRD_LOADBALANCERTTL": "60",
}
"""Seconds (and tries) of the cache as the origin's client: an origin that does not answer is an error for
the reader and no hang, and no idle connection keeps an old login. Variables, for of several directives
``pss.setopt`` XRootD 6.2.1 hears the first only."""


READER: Mapping[str, str] = {
    # A cache that is starting refuses connections, and clients try again at the end of a window only. By
    # default that is after two minutes, and for ten in all (DefaultConnectionWindow 120, ...Retry 5).
    "XRD_CONNECTIONWINDOW": "15",
    "XRD_CONNECTIONRETRY": "40",
}
"""Seconds (and tries) of sessions and workers as the cache's clients."""


@dataclass(frozen=True, kw_only=True)
class XCacheArgs:
    """What the cache needs."""

    facility: Facility
    settings: XCacheSettings
    private_cidrs: tuple[str, ...]
    """Addresses that an origin has only where the settings say so."""
    readers: tuple[str, ...] = (SESSION, SCHEDULER, WORKER)
    """Components that run users' code."""
    monitoring: str | None = None
    """Namespace whose pods may read the metrics."""
    issuer: str = ""
    """The facility's issuer of data tokens; only with mode: authorised."""
    certificate: ServerCertificate | None = None
    """Of every server here, with ``node_names``; only with mode: authorised."""


def node_names(facility: Facility) -> tuple[str, ...]:
    """Return the DNS names of all caches, which the redirector sends readers to."""
    return (f"*.{facility.service_names(NODES)[-1]}",)


def issuer_ports(settings: XCacheSettings) -> tuple[int, ...]:
    """Return the ports at which outside issuers publish their keys."""
    return tuple(sorted({urlsplit(other.issuer).port or 443 for other in settings.issuers}))


class XCache(FacilityComponent):
    """Caches with a volume each, for one path of one origin."""

    host: str
    """DNS name of the cache, or of the redirector in front of several."""
    audience: str
    """Whom a data token for the cache is for."""
    verifiers: tuple[str, ...]
    """Components that check data tokens, and so ask issuers for their keys."""
    contribution: SessionContribution
    """Where sessions find the cache."""

    def __init__(self, name: str, args: XCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:XCache", name, args.facility, opts, asdict(args.settings))
        self._args = args
        facility, settings = args.facility, args.settings
        self._authorised, self._clustered = settings.mode == "authorised", settings.replicas > 1
        self.host = facility.service_names("xcache")[-1]
        self.audience = settings.audience or f"https://{self.host}:{PORT}"
        self._manager = (
            f"{facility.service_names(REDIRECTOR)[-1]}:{CLUSTER_PORT}" if self._clustered else None
        )
        servers = (COMPONENT, REDIRECTOR) if self._clustered else (COMPONENT,)
        self.verifiers = servers if self._authorised else ()
        tls = self._certificate()
        self._caches(tls)
        if self._manager:
            self._redirector(tls)
        service(self, servers[-1], "xcache", {"root": PORT})
        self._network(servers)
        self.contribution = SessionContribution(
            name=name,
            # A refused login has its reason in the client's errors, and nowhere else.
            environment={"XCACHE_HOST": self.host, **READER}
            | ({"XRD_LOGLEVEL": "Error"} if self._authorised else {}),
            flows=tuple(Flow(server, ports(PORT)) for server in servers),
        )
        self.register_outputs({"host": self.host})

    def _certificate(self) -> dict[str, pulumi.Input[str]]:
        """Return the data of the servers' Secret; nothing where there is none."""
        certificate = self._args.certificate
        return certificate.as_secret() if self._authorised and certificate else {}

    def _texts(self, **others: str) -> dict[str, str]:
        settings = self._args.settings
        tokens = text.tokens_config(settings, self._args.issuer, self.audience) if self._authorised else None
        files = {**others, **({"tokens": tokens} if tokens else {})}
        return {f"{name}.cfg": content for name, content in files.items()}

    # The caches

    def _caches(self, tls: Mapping[str, pulumi.Input[str]]) -> None:
        facility, settings = self.facility, self._args.settings
        files = self._texts(
            xcache=text.config(settings, facility.namespace, self._manager),
            **({"cmsd": text.cluster_config(settings, self._manager)} if self._manager else {}),
        )
        mounted: list[pulumi.Resource] = [config_map(self, COMPONENT, CONFIG, files)]
        if tls:
            mounted.append(secret(self, COMPONENT, TLS, tls, "kubernetes.io/tls"))
        containers = [self._cache(), self._metrics()]
        if self._clustered:
            containers.append(self._cluster_daemon())
        if settings.upstream_secret:
            containers.append(self._keeper(settings.upstream_secret))
        stateful_set(
            self,
            COMPONENT,
            containers,
            checksums=_checksums(files, tls),
            annotations=_scraped() if self._args.monitoring else {},
            names=NODES,
            volume="cache",
            size=settings.size,
            replicas=settings.replicas,
            # Read at the start: a pod must not start with those of before.
            depends_on=mounted,
        )
        self._node_service()
        if self._clustered:
            self._disruption_budget()

    def _cache(self) -> Container:
        settings = self._args.settings
        memory = bytes_of(settings.memory) + OVERHEAD
        mounts = [_config(CONFIG), Mount(name="cache", path="/cache", template=True), RUN, TMP]
        environment = {**PATIENCE, **CREDENTIALS[settings.upstream]}
        if self._authorised:
            mounts += CERTIFICATE
            # Issuers' keys outlive a restart, so that readers do not need the issuer for it.
            environment["XDG_CACHE_HOME"] = "/cache/keys"
        if settings.upstream_secret:
            mounts.append(LOGIN)
            environment["X509_CERT_FILE"] = AUTHORITIES
        if self._authorised or settings.upstream_secret:
            mounts.append(CA)
        return Container(
            name="xrootd",
            image="xcache",
            command=["/usr/local/bin/xcache"],
            ports={"root": PORT},
            probes=self._probes(),
            resources=resources("100m", f"{memory // 2**20}Mi", f"{memory // 2**20}Mi"),
            environment=_variables(environment),
            mounts=mounts,
        )

    def _probes(self) -> Probes:
        if self._authorised:
            return Probes(command=("/usr/local/bin/xcache-alive",))
        return Probes(command=("xrdfs", f"localhost:{PORT}", "query", "config", "version"))

    def _metrics(self) -> Container:
        port = str(METRICS_PORT)
        return Container(
            name="metrics",
            image="cache-metrics",
            command=["python", "-m", "services.cache_metrics.server", port, port, "/cache"],
            ports={"metrics": METRICS_PORT},
            probes=Probes(get=http_get("/metrics", METRICS_PORT)),
            resources=resources("10m", "32Mi", "128Mi"),
            mounts=[Mount(name="cache", path="/cache", template=True, looked_at=True), TMP],
            # Before the cache: after a datagram that nobody took, the next one is lost as well.
            sidecar=True,
        )

    def _cluster_daemon(self) -> Container:
        return Container(
            name="cmsd",
            image="xcache",
            command=["/usr/local/bin/xcache-cmsd"],
            ports={},
            # By this socket the two daemons of a cache find each other; there is no other sign of life.
            probes=Probes(command=("test", "-S", "/run/xrootd/xcache/.olb/olbd.admin")),
            resources=resources("10m", "64Mi", "256Mi"),
            mounts=[_config(CONFIG), Mount(name="cache", path="/cache", template=True), RUN, TMP],
        )

    def _keeper(self, source: str) -> Container:
        mount = Mount(name="upstream", path="/run/secrets/upstream", secret=source)
        return Container(
            name="upstream",
            image="xcache",
            command=["/usr/local/bin/upstream-keeper", mount.path, LOGIN.path],
            ports={},
            probes=Probes(command=("test", "-e", f"{LOGIN.path}/.kept")),
            resources=resources("10m", "16Mi", "64Mi"),
            mounts=[mount, LOGIN],
            sidecar=True,
        )

    def _node_service(self) -> None:
        k8s.core.v1.Service(
            NODES,
            metadata=metadata(self.facility, COMPONENT, NODES),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                selector=selector(COMPONENT),
                ports=[ServicePortArgs(name="root", port=PORT, target_port=PORT)],
                # A cache must have its name when it comes to the redirector, which is before it is ready.
                publish_not_ready_addresses=True if self._clustered else None,
            ),
            opts=self.child(),
        )

    def _disruption_budget(self) -> None:
        k8s.policy.v1.PodDisruptionBudget(
            COMPONENT,
            metadata=metadata(self.facility, COMPONENT, COMPONENT),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels=selector(COMPONENT))
            ),
            opts=self.child(),
        )

    # The redirector

    def _redirector(self, tls: Mapping[str, pulumi.Input[str]]) -> None:
        settings = self._args.settings
        files = self._texts(
            redirector=text.redirector_config(settings),
            manager=text.manager_config(settings),
        )
        mounts = [_config(f"{REDIRECTOR}-config"), RUN, TMP]
        containers = [
            Container(
                name="xrootd",
                image="xcache",
                command=["/usr/local/bin/xcache", "xrootd", "redirector.cfg"],
                ports={"root": PORT},
                probes=self._probes(),
                resources=resources("50m", "64Mi", "512Mi"),
                mounts=[*mounts, *CERTIFICATE, CA] if tls else mounts,
            ),
            Container(
                name="cmsd",
                image="xcache",
                command=["/usr/local/bin/xcache", "cmsd", "manager.cfg"],
                ports={"cms": CLUSTER_PORT},
                probes=Probes(port=CLUSTER_PORT),
                resources=resources("10m", "64Mi", "256Mi"),
                mounts=mounts,
            ),
        ]
        deployment(
            self,
            REDIRECTOR,
            containers,
            checksums=_checksums(files, tls),
            # Of two, one would have none of the caches.
            replace=True,
            depends_on=[config_map(self, REDIRECTOR, f"{REDIRECTOR}-config", files)],
        )
        service(self, REDIRECTOR, REDIRECTOR, {"cms": CLUSTER_PORT})

    # The network

    def _network(self, servers: Sequence[str]) -> None:
        settings, private = self._args.settings, self._args.private_cidrs
        # The callers' halves come with the contribution, from whoever makes their pods.
        readers = {caller: ports(PORT) for caller in self._args.readers}
        watchers = {self._args.monitoring: ports(METRICS_PORT)} if self._args.monitoring else {}
        receive(self, COMPONENT, readers, outgoing=False, namespaces=watchers)
        if self._clustered:
            receive(self, REDIRECTOR, {**readers, COMPONENT: ports(CLUSTER_PORT)}, outgoing=False)
            send(self, COMPONENT, Flow(REDIRECTOR, ports(CLUSTER_PORT)))
        # An origin sends its readers on to servers of its own, at ports of its own.
        excepted = () if settings.origin_cidrs else private
        send_to_addresses(self, COMPONENT, "origin", settings.origin_cidrs or EVERYWHERE, excepted=excepted)
        if settings.issuers:
            doors = ports(*issuer_ports(settings))
            for caller in servers:
                send_to_addresses(self, caller, "issuers", EVERYWHERE, ports=doors, excepted=private)


def _scraped() -> dict[str, str]:
    """Return what the usual configuration of a Prometheus for pods goes by."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)}


def _config(name: str) -> Mount:
    return Mount(name="config", path="/etc/coffea-casa/xcache", config_map=name)


def _variables(environment: Mapping[str, str]) -> list[EnvVarArgs]:
    return [variable(name, value) for name, value in environment.items()]


def _checksums(
    files: Mapping[str, str], tls: Mapping[str, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]]:
    config = checksum("\0".join(files[name] for name in sorted(files)))
    return {"config": config, **({"tls": secret_checksum(tls)} if tls else {})}
