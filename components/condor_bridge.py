"""HTCondor for sessions: CoffeaCasaCluster scales onto it, and condor_submit works.

``embedded`` is a pool in the facility's namespace: central manager, access point and execute
nodes, none of which has a privilege. ``flock`` is the same without nodes: the access point brings
jobs to a site's pool, to which it shows one token of the site's, and users' names as they are here.
``remote`` has no daemon at all: sessions submit to a site's own access point, each user with a token.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
from pulumi_kubernetes.core.v1 import EnvVarArgs, ServicePortArgs, ServiceSpecArgs

from components import condor_config as config
from components import token_exchange
from components.base import Facility, FacilityComponent, selector
from components.condor_config import MANAGER, PORT, SCHEDD, WORKER_PORTS
from components.credentials import PoolTokens, SiteTokens
from components.front import public_service
from components.network import (
    EVERYWHERE,
    EXECUTE,
    SESSION,
    Flow,
    Ports,
    ports,
    receive,
    send,
    send_to_addresses,
)
from components.session import (
    USER,
    SessionClaim,
    SessionContribution,
    SessionDoor,
    SessionFile,
    SessionPod,
    merge,
)
from components.workload import (
    TMP,
    Container,
    Mount,
    Probes,
    checksum,
    config_map,
    deployment,
    metadata,
    resources,
    secret,
    secret_checksum,
    service,
    stateful_set,
    variable,
)
from settings import Network, Pool, RemotePool, SitePool
from settings.quantity import bytes_of

SCHEDULER_PORT = 8786
"""Of the Dask scheduler in a session."""
OVERHEAD = 512 * 2**20
"""Bytes of an execute node's memory for what is not jobs."""
NODE_TOKEN_SECONDS = 3600
KEY, CONFIG, CLIENT = "condor-key", "condor-config", "condor-client"
"""Secret and ConfigMaps."""
_DIRECTORY = "/etc/coffea-casa/condor"
_RUN = Mount(name="run", path="/run/condor", memory_dir=True)
_KEY = Mount(name="key", path="/run/secrets/pool", secret=KEY)
_KEY_VARIABLE = variable("POOL_KEY", "/run/secrets/pool/pool.key")
_SITE_TOKENS = Mount(name="site-tokens", path="/run/secrets/site", secret_dir=True)


def _answers(port: int) -> Probes:
    # HTCondor's master looks after its daemons; this is whether it does.
    return Probes(command=("bash", "-c", f"</dev/tcp/127.0.0.1/{port}"))


_ANSWERS = _answers(PORT)


@dataclass(frozen=True, kw_only=True)
class CondorBridgeArgs:
    """What the bridge needs."""

    facility: Facility
    settings: Pool
    network: Network
    contributions: tuple[SessionContribution, ...]
    """What jobs get besides their own."""
    door: SessionDoor | None = None
    """Where the world finds sessions; a site's workers come this way."""


def _config_mount(role: str) -> Mount:
    return Mount(name="config", path=_DIRECTORY, config_map=f"{CONFIG}-{role}")


def _config_variable(role: str) -> EnvVarArgs:
    return variable("CONDOR_CONFIG", f"{_DIRECTORY}/{role}.conf")


def _claim(claim: SessionClaim) -> Mount:
    """Return a directory of the site's as a node mounts it."""
    return Mount(
        name=claim.name,
        path=claim.path,
        claim=claim.claim,
        looked_at=claim.read_only,
        automounts=claim.automounts,
    )


def _site_token(site: SitePool) -> Container:
    """Return the sidecar that looks at the site's token and keeps it where HTCondor reads it."""
    given = Mount(name="site-token", path="/run/secrets/given", secret=site.token_secret)
    return Container(
        name="site-token",
        sidecar=True,
        image="condor",
        command=["condor-site-token", f"{given.path}/token", config.SITE_TOKENS, site.trust_domain],
        ports={},
        probes=Probes(command=("test", "-f", f"{config.SITE_TOKENS}/site")),
        resources=resources("5m", "16Mi", "64Mi"),
        mounts=[given, _SITE_TOKENS, TMP],
    )


class CondorBridge(FacilityComponent):
    """A pool, or the way to one, and what makes sessions its users."""

    tokens: PoolTokens | SiteTokens
    """What the credential service needs to give users their tokens."""
    contribution: SessionContribution
    """Configuration of HTCondor's tools and of Dask in a session."""

    def __init__(self, name: str, args: CondorBridgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:CondorBridge", name, args.facility, opts, asdict(args.settings))
        pool = args.settings
        if pool.remote:
            self.tokens = self._way(pool, pool.remote)
            self.contribution = self._remote_client(name, args, pool.remote)
        else:
            self.tokens = self._own(name, args)
            self.contribution = self._client(name, args)
        self.register_outputs({})

    def _own(self, name: str, args: CondorBridgeArgs) -> PoolTokens:
        """Make the facility's own daemons."""
        pool = args.settings
        # Letters and digits: every byte of the file counts, and text survives every editor.
        self.key = random.RandomPassword(
            f"{name}-key", length=64, special=False, opts=self.child(protect=True)
        ).result
        secret(self, MANAGER, KEY, {"pool.key": self.key})
        self._manager(args)
        self._schedd(args)
        if pool.site:
            self._site(pool.site)
        else:
            self._nodes(args)
        return PoolTokens(
            trust_domain=pool.trust_domain,
            uid_domain=pool.uid_domain,
            lifetime=pool.token_lifetime,
            key=self.key,
        )

    def _way(self, pool: Pool, remote: RemotePool) -> SiteTokens:
        """Make the way to a site's own access point."""
        port = int(config.collector(remote).rpartition(":")[2])
        # HTCondor's daemons are all behind one port (SHARED_PORT), mostly the collector's as well.
        doors = (*ports(port), *_shared(port), Ports(*remote.worker_ports), *_service_port(remote))
        send_to_addresses(self, SESSION, "site", remote.cidrs, ports=doors)
        return SiteTokens(
            audience=remote.audience,
            assertion=remote.service is not None,
            lifetime=pool.token_lifetime,
            secret=remote.secret,
        )

    def _checksums(self, component: str, role: str, text: str) -> dict[str, pulumi.Input[str]]:
        """Make a role's ConfigMap; return the digests of what its pods mount."""
        config_map(self, component, f"{CONFIG}-{role}", {f"{role}.conf": text})
        return {"config": checksum(text), "key": secret_checksum({"pool.key": self.key})}

    def _manager(self, args: CondorBridgeArgs) -> None:
        text = config.manager(args.facility, args.settings)
        deployment(
            self,
            MANAGER,
            [
                Container(
                    name="manager",
                    image="condor",
                    command=["with-pool-key", "condor-daemons"],
                    ports={"condor": PORT},
                    probes=_ANSWERS,
                    resources=resources("50m", "64Mi", "512Mi"),
                    environment=[_config_variable("manager"), _KEY_VARIABLE],
                    mounts=[_config_mount("manager"), _KEY, _RUN, TMP],
                )
            ],
            checksums=self._checksums(MANAGER, "manager", text),
            # Two collectors would each know half of the pool.
            replace=True,
        )
        service(self, MANAGER, MANAGER, {"condor": PORT})

    def _schedd(self, args: CondorBridgeArgs) -> None:
        site, port = args.settings.site, config.schedd_port(args.settings)
        text = config.schedd(args.facility, args.settings)
        environment = [_config_variable("schedd"), _KEY_VARIABLE]
        mounts = [_config_mount("schedd"), _KEY]
        queue = Mount(name="queue", path="/var/spool/condor", template=True)
        sites = [_SITE_TOKENS] if site else []
        manager = args.facility.service_names(MANAGER)[-1]
        stateful_set(
            self,
            SCHEDD,
            [
                Container(
                    name="schedd",
                    image="condor",
                    command=["with-pool-key", "when-reached", "10", manager, str(PORT), "condor-daemons"],
                    ports={"condor": port},
                    probes=_answers(port),
                    resources=resources("100m", "128Mi", "2Gi"),
                    environment=environment,
                    mounts=[*mounts, *sites, _RUN, TMP, queue],
                ),
                *([_site_token(site)] if site else []),
                Container(
                    name="orphans",
                    image="condor",
                    command=[
                        "with-pool-key",
                        "condor-orphans",
                        session_domain(args.facility),
                        str(SCHEDULER_PORT),
                    ],
                    ports={},
                    probes=Probes(command=("test", "-f", "/run/condor/keys/POOL")),
                    resources=resources("10m", "32Mi", "128Mi"),
                    environment=environment,
                    mounts=[*mounts, Mount(name="orphans", path="/run/condor", memory_dir=True), TMP],
                ),
            ],
            checksums=self._checksums(SCHEDD, "schedd", text),
            names=SCHEDD,
            volume="queue",
            size=args.settings.queue_size,
            # Jobs that wait are their users' work.
            kept=True,
        )
        k8s.core.v1.Service(
            SCHEDD,
            metadata=metadata(self.facility, SCHEDD, SCHEDD),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                selector=selector(SCHEDD),
                ports=[ServicePortArgs(name="condor", port=port, target_port=port)],
            ),
            opts=self.child(),
        )

    def _site(self, site: SitePool) -> None:
        """Make the way to a site's pool and back."""
        door = ports(site.port)
        public_service(
            self,
            SCHEDD,
            f"{SCHEDD}-public",
            ServicePortArgs(
                name="condor",
                port=site.port,
                target_port=site.port,
                node_port=site.port if site.service == "NodePort" else None,
            ),
            kind=site.service,
            balancer=site.load_balancer,
            # The policy below goes by them.
            own_addresses=True,
        )
        receive(self, MANAGER, {SCHEDD: ports(PORT), SESSION: ports(PORT)})
        addresses = dict.fromkeys(site.cidrs, door)
        receive(self, SCHEDD, {MANAGER: door, SESSION: door}, addresses=addresses)
        # Its nodes answer at ports of their own choice.
        send_to_addresses(self, SCHEDD, "site", site.cidrs)
        first, last = site.worker_ports
        send_to_addresses(self, SESSION, "site", site.cidrs, ports=(Ports(first, last),))

    def _nodes(self, args: CondorBridgeArgs) -> None:
        shared = merge(args.contributions)
        self._execute(args, shared)
        self._flows(args, shared)

    def _execute(self, args: CondorBridgeArgs, shared: SessionPod) -> None:
        nodes = args.settings.nodes
        text = config.execute(args.facility, args.settings, shared.environment)
        memory = f"{(int(bytes_of(nodes.memory)) + OVERHEAD) // 2**20}Mi"
        tokens = Mount(name="tokens", path="/run/secrets/node", secret_dir=True)
        deployment(
            self,
            EXECUTE,
            [
                Container(
                    name="execute",
                    image="execute",
                    command=["condor-daemons"],
                    ports={"condor": PORT},
                    probes=_ANSWERS,
                    resources=resources(str(nodes.cores_request), memory, memory),
                    environment=[
                        _config_variable("execute"),
                        variable("DASK_WORKER_PORTS", config.dask_ports(args.settings)),
                        *(variable(name, value) for name, value in shared.environment.items()),
                    ],
                    mounts=[
                        _config_mount("execute"),
                        tokens,
                        Mount(name="run", path="/run/condor", memory_dir=True, size=nodes.scratch),
                        *(_claim(claim) for claim in shared.claims),
                        TMP,
                    ],
                ),
                Container(
                    name="token",
                    sidecar=True,
                    image="condor",
                    command=[
                        "with-pool-key",
                        "condor-node-token",
                        tokens.path,
                        config.node_identity(args.settings),
                        str(NODE_TOKEN_SECONDS),
                    ],
                    ports={},
                    probes=Probes(command=("test", "-f", f"{config.TOKENS}/node")),
                    resources=resources("5m", "16Mi", "64Mi"),
                    environment=[_config_variable("execute"), _KEY_VARIABLE],
                    mounts=[
                        _config_mount("execute"),
                        _KEY,
                        tokens,
                        Mount(name="token-run", path="/run/condor", memory_dir=True, size="16Mi"),
                        TMP,
                    ],
                ),
            ],
            checksums=self._checksums(EXECUTE, "execute", text),
            replace=False,
            replicas=nodes.count,
            surge=False,
            scaled_by_hand=True,
            # HTCondor's own time for jobs to end, and some to tell of it.
            grace_seconds=nodes.drain_seconds + 30,
        )

    def _flows(self, args: CondorBridgeArgs, shared: SessionPod) -> None:
        workers = (Ports(*WORKER_PORTS),)
        receive(self, MANAGER, {SCHEDD: ports(PORT), EXECUTE: ports(PORT), SESSION: ports(PORT)})
        receive(self, SCHEDD, {MANAGER: ports(PORT), EXECUTE: ports(PORT), SESSION: ports(PORT)})
        receive(self, EXECUTE, {SCHEDD: ports(PORT), SESSION: workers, EXECUTE: workers})
        for flow in shared.flows:
            send(self, EXECUTE, flow)
        if args.network.internet:
            send_to_addresses(self, EXECUTE, "internet", EVERYWHERE, excepted=args.network.private_cidrs)

    def _files(self, args: CondorBridgeArgs) -> tuple[SessionFile, ...]:
        """Make what the client and HTCondor's tools read in a session."""
        files = {
            "pool.conf": config.client(args.facility, args.settings),
            "pool.yaml": config.dask(args.facility, args.settings),
        }
        config_map(self, SESSION, CLIENT, files)
        places = {"pool.conf": "/etc/condor/config.d", "pool.yaml": "/opt/dask"}
        return tuple(
            SessionFile(path=f"{place}/{key}", kind="configMap", source=CLIENT, key=key)
            for key, place in places.items()
        )

    def _remote_client(self, name: str, args: CondorBridgeArgs, remote: RemotePool) -> SessionContribution:
        ca, url = remote.ca_config_map, remote.service
        own = [SessionFile(path=config.SITE_CA, kind="configMap", source=ca, key="ca.pem")] if ca else []
        return SessionContribution(
            name=name,
            environment=scheduler_address(args),
            files=(*self._files(args), *([] if url else own)),
            volumes=token_exchange.volumes(ca) if url else (),
            mounts=token_exchange.mounts() if url else (),
            sidecars=(token_exchange.sidecar(args.facility, url, ca),) if url else (),
        )

    def _client(self, name: str, args: CondorBridgeArgs) -> SessionContribution:
        site = args.settings.site
        nodes = {} if site else {EXECUTE: ports(SCHEDULER_PORT)}
        return SessionContribution(
            name=name,
            environment=scheduler_address(args),
            files=self._files(args),
            flows=(
                Flow(MANAGER, ports(PORT)),
                Flow(SCHEDD, ports(config.schedd_port(args.settings))),
                *(() if site else (Flow(EXECUTE, (Ports(*WORKER_PORTS),)),)),
            ),
            callers={**nodes, SCHEDD: ports(SCHEDULER_PORT)},
        )


def scheduler_address(args: CondorBridgeArgs) -> dict[str, str]:
    """Return the variables with which a session tells workers where its scheduler is."""
    if config.outside(args.settings) is None:
        # POD_IP would be taken before it, and is never set.
        return {"HOST_IP": f"{USER}.{session_domain(args.facility)}"}
    assert args.door, "settings have a daskRouter where jobs run at a site"
    host = f"{USER}.{args.door.domain}"
    # The client knows the host alone, and takes 8786 for the port.
    address = f"tls://{host}:{args.door.port}"
    return {"HOST_IP": host, "DASK_JOBQUEUE__COFFEA_CASA__SCHEDULER_OPTIONS__CONTACT_ADDRESS": address}


def _service_port(remote: RemotePool) -> tuple[Ports, ...]:
    """Return where the site's token service is, if it has one."""
    return ports(urlsplit(remote.service).port or 443) if remote.service else ()


def _shared(port: int) -> tuple[Ports, ...]:
    """Return where a site's access point is, if that is not the collector's own port."""
    return () if port == PORT else ports(PORT)


def session_domain(facility: Facility) -> str:
    """Return where a user's session is USER.DOMAIN."""
    return f"sessions.{facility.namespace}.svc.{facility.dns_domain}"
