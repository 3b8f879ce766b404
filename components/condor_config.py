"""Configuration of the facility's HTCondor, as text: what is fixed is in components/condor/."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import Template

from components import keeper, token_exchange
from components.base import Facility
from settings import OutsidePool, Pool, RemotePool, SitePool
from settings.quantity import bytes_of

MANAGER, SCHEDD = "condor-manager", "condor-schedd"
PORT = 9618
"""IANA's port of HTCondor; every daemon of a pod is behind it (SHARED_PORT)."""
WORKER_PORTS = (10000, 10999)
"""Where Dask's workers and their nannies listen; images/execute/bin/condor-job tells them."""
TOKENS = "/run/secrets/node/tokens.d"
SITE_TOKENS = "/run/secrets/site/tokens.d"
"""Where a node has its token, and an access point the site's."""
TOKEN = f"{keeper.DIRECTORY}/condor_token"
USER_TOKENS = f"{keeper.DIRECTORY}/tokens.d"
SITE_CA = "/etc/coffea-casa/pool/ca.pem"
"""In a session: the user's token for HTCondor, a directory of its own for it, a site's CA."""
_FILES = Path(__file__).with_name("condor")


def _text(file: str, **values: object) -> str:
    return Template((_FILES / file).read_text()).substitute(values)


def node_identity(pool: Pool) -> str:
    """Return who execute nodes are: nobody of the users' domain."""
    return f"execute@{pool.trust_domain}"


def schedd_name(facility: Facility) -> str:
    """Return what the access point is called; with an @, or HTCondor would add the pod's own name."""
    return f"schedd@{facility.namespace}"


def schedd_port(pool: Pool) -> int:
    """Return where the access point listens: a site's machines must find it at the port it tells them."""
    return pool.site.port if pool.site else PORT


def outside(pool: Pool) -> OutsidePool | None:
    """Return the pool that runs the jobs, where it is not the facility's."""
    return pool.site or pool.remote


def worker_ports(pool: Pool) -> tuple[int, int]:
    """Return the first and the last port of Dask's workers."""
    there = outside(pool)
    first, last = there.worker_ports if there else WORKER_PORTS
    return first, last


def collector(pool: OutsidePool) -> str:
    """Return HOST:PORT of a site's collector."""
    return pool.collector if ":" in pool.collector else f"{pool.collector}:{PORT}"


def _common(facility: Facility, pool: Pool, port: int = PORT) -> str:
    return _text(
        "common.conf",
        manager=facility.service_names(MANAGER)[-1],
        port=PORT,
        shared_port=port,
        network=facility.namespace,
        trust_domain=pool.trust_domain,
        uid_domain=pool.uid_domain,
    )


def manager(facility: Facility, pool: Pool) -> str:
    """Return the central manager's configuration."""
    return _common(facility, pool) + _text(
        "manager.conf",
        # Without nodes of its own there is nothing to give away.
        negotiator="" if pool.site else ", NEGOTIATOR",
        name=facility.namespace,
        port=PORT,
        uid_domain=pool.uid_domain,
        execute=node_identity(pool),
    )


def schedd(facility: Facility, pool: Pool) -> str:
    """Return the access point's configuration."""
    text = _common(facility, pool, schedd_port(pool)) + _text(
        "schedd.conf",
        schedd=schedd_name(facility),
        uid_domain=pool.uid_domain,
        jobs_per_user=pool.jobs_per_user,
        container=_text("plain.conf") if pool.site is None else "",
    )
    return text + _flock(facility, pool.site) if pool.site else text


def site_image(facility: Facility, site: OutsidePool) -> str:
    """Return the execute image as the site's machines pull it; empty where they have its programs."""
    if site.universe == "vanilla":
        return ""
    # HTCondor's manual, "Container Universe Jobs": a registry's images are docker://...
    return site.image or f"docker://{facility.image('execute')}"


def _flock(facility: Facility, site: SitePool) -> str:
    """Return what an access point needs to bring jobs to a site's pool."""
    first, last = site.worker_ports
    return _text("flock.conf", collector=collector(site), address=site.address, tokens=SITE_TOKENS) + _text(
        f"{site.universe}.conf", image=site_image(facility, site), worker_ports=f"{first}:{last}"
    )


def execute(facility: Facility, pool: Pool, environment: Iterable[str]) -> str:
    """Return the execute nodes' configuration; ``environment`` names variables of the pod that jobs get."""
    return _common(facility, pool) + _text(
        "execute.conf",
        cores=pool.nodes.cores,
        memory=int(bytes_of(pool.nodes.memory)) // 2**20,
        vacate_seconds=pool.nodes.drain_seconds,
        environment=" ".join(["PATH", "LANG", "DASK_WORKER_PORTS", *environment]),
        tokens=TOKENS,
    )


def client(facility: Facility, pool: Pool) -> str:
    """Return the configuration of HTCondor's tools in a session."""
    if pool.remote:
        return _remote_client(pool, pool.remote)
    return _text(
        "client.conf",
        manager=facility.service_names(MANAGER)[-1],
        port=PORT,
        network=facility.namespace,
        schedd=schedd_name(facility),
        trust_domain=pool.trust_domain,
        uid_domain=pool.uid_domain,
    )


def _remote_client(pool: Pool, remote: RemotePool) -> str:
    served = remote.tokens == "service"
    text = _text(
        "remote.conf",
        collector=collector(remote),
        schedd=remote.schedd,
        trust_domain=pool.trust_domain,
        uid_domain=pool.uid_domain,
        tokens=token_exchange.TOKENS if served else USER_TOKENS,
        method="SCITOKENS" if remote.tokens == "scitokens" else "IDTOKENS",
    )
    if remote.tokens != "scitokens":
        return text
    return text + _text("scitokens.conf", token=TOKEN, ca=SITE_CA if remote.ca_config_map else "")


def dask(facility: Facility, pool: Pool) -> str:
    """Return Dask's configuration in a session."""
    worker = pool.worker
    there = ["-name", pool.remote.schedd, "-pool", collector(pool.remote)] if pool.remote else []
    changes = submit_lines(facility, pool) if pool.remote else []
    return _text(
        "dask.yaml",
        cores=worker.cores,
        # Dask reads MiB as Kubernetes does Mi.
        memory=f"{worker.memory}B",
        disk=f"{worker.disk}B",
        submit=json.dumps(["-spool", *there, *(word for line in changes for word in ("-append", line))]),
        cancel=json.dumps(there),
    )


def submit_lines(facility: Facility, pool: Pool) -> list[str]:
    """Return what a submit file of the client must have otherwise where the access point changes nothing.

    The access point of the facility's own does the same with a job transform (components/condor/*.conf).
    """
    there = outside(pool)
    assert there, "only jobs that go to a site are changed by the client"
    image = site_image(facility, there)
    universe = {
        "container": ["universe = container", f"container_image = {image}", "docker_image ="],
        "docker": ["universe = docker", f"docker_image = {image}"],
        # An image makes a container's job of any universe.
        "vanilla": ["universe = vanilla", "docker_image ="],
    }[there.universe]
    return [
        *universe,
        # Workers are on their node's own network.
        *([] if there.universe == "vanilla" else ["docker_network_type = host"]),
        "container_service_names =",
        "executable = /usr/local/bin/condor-job",
        "transfer_executable = False",
        f'MY.DaskWorkerPorts = "{dask_ports(pool)}"',
        # For CoffeaCasaCluster.fetch_worker_logs(), and no longer: a worker's files hold a key.
        "leave_in_queue = JobStatus == 4 && time() - CompletionDate < 3600",
    ]


def dask_ports(pool: Pool) -> str:
    """Return the range of workers' ports as Dask's command line has it."""
    first, last = worker_ports(pool)
    return f"{first}:{last}"
