"""HTCondor for sessions: CoffeaCasaCluster scales onto it, and condor_submit works.

``embedded`` is a pool in the facility's namespace: central manager, access point and execute
nodes, none of which has a privilege.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
from pulumi_kubernetes.core.v1 import EnvVarArgs, ServicePortArgs, ServiceSpecArgs

from components import condor_config as config
from components.base import Facility, FacilityComponent, selector
from components.condor_config import MANAGER, PORT, SCHEDD, WORKER_PORTS
from components.credentials import PoolTokens
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
from components.session import USER, SessionContribution, SessionFile, SessionPod, merge
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
from settings import Network, Pool
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
# HTCondor's master looks after its daemons; this is whether it does.
_ANSWERS = Probes(command=("bash", "-c", f"</dev/tcp/127.0.0.1/{PORT}"))


@dataclass(frozen=True, kw_only=True)
class CondorBridgeArgs:
    """What the bridge needs."""

    facility: Facility
    settings: Pool
    network: Network
    contributions: tuple[SessionContribution, ...]
    """What jobs get besides their own."""


def _config_mount(role: str) -> Mount:
    return Mount(name="config", path=_DIRECTORY, config_map=f"{CONFIG}-{role}")


def _config_variable(role: str) -> EnvVarArgs:
    return variable("CONDOR_CONFIG", f"{_DIRECTORY}/{role}.conf")


class CondorBridge(FacilityComponent):
    """A pool in the facility's namespace, and what makes sessions its users."""

    tokens: PoolTokens
    """What the credential service needs to sign users' IDTOKENs."""
    contribution: SessionContribution
    """Configuration of HTCondor's tools and of Dask in a session."""

    def __init__(self, name: str, args: CondorBridgeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:CondorBridge", name, args.facility, opts, asdict(args.settings))
        pool = args.settings
        # Letters and digits: every byte of the file counts, and text survives every editor.
        self.key = random.RandomPassword(
            f"{name}-key", length=64, special=False, opts=self.child(protect=True)
        ).result
        self.tokens = PoolTokens(
            trust_domain=pool.trust_domain,
            uid_domain=pool.uid_domain,
            lifetime=pool.token_lifetime,
            key=self.key,
        )
        secret(self, MANAGER, KEY, {"pool.key": self.key})
        shared = merge(args.contributions)
        self._manager(args)
        self._schedd(args)
        self._execute(args, shared)
        self._flows(args, shared)
        self.contribution = self._client(name, args)
        self.register_outputs({})

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
        text = config.schedd(args.facility, args.settings)
        environment = [_config_variable("schedd"), _KEY_VARIABLE]
        mounts = [_config_mount("schedd"), _KEY]
        stateful_set(
            self,
            SCHEDD,
            [
                Container(
                    name="schedd",
                    image="condor",
                    command=["with-pool-key", "condor-daemons"],
                    ports={"condor": PORT},
                    probes=_ANSWERS,
                    resources=resources("100m", "128Mi", "2Gi"),
                    environment=environment,
                    mounts=[*mounts, _RUN, TMP, Mount(name="queue", path="/var/spool/condor", template=True)],
                ),
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
                ports=[ServicePortArgs(name="condor", port=PORT, target_port=PORT)],
            ),
            opts=self.child(),
        )

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
                        variable("DASK_WORKER_PORTS", config.worker_ports()),
                        *(variable(name, value) for name, value in shared.environment.items()),
                    ],
                    mounts=[
                        _config_mount("execute"),
                        tokens,
                        Mount(name="run", path="/run/condor", memory_dir=True, size=nodes.scratch),
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

    def _client(self, name: str, args: CondorBridgeArgs) -> SessionContribution:
        files = {
            "pool.conf": config.client(args.facility, args.settings),
            "pool.yaml": config.dask(args.settings),
        }
        config_map(self, SESSION, CLIENT, files)
        return SessionContribution(
            name=name,
            # The name workers call the scheduler by. POD_IP would be taken before it, and is never set.
            environment={"HOST_IP": f"{USER}.{session_domain(args.facility)}"},
            files=(
                SessionFile(
                    path="/etc/condor/config.d/pool.conf", kind="configMap", source=CLIENT, key="pool.conf"
                ),
                SessionFile(path="/opt/dask/pool.yaml", kind="configMap", source=CLIENT, key="pool.yaml"),
            ),
            flows=(
                Flow(MANAGER, ports(PORT)),
                Flow(SCHEDD, ports(PORT)),
                Flow(EXECUTE, (Ports(*WORKER_PORTS),)),
            ),
            callers={EXECUTE: ports(SCHEDULER_PORT), SCHEDD: ports(SCHEDULER_PORT)},
        )


def session_domain(facility: Facility) -> str:
    """Return where a user's session is USER.DOMAIN."""
    return f"sessions.{facility.namespace}.svc.{facility.dns_domain}"
