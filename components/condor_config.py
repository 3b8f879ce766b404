"""Configuration of the facility's HTCondor, as text: what is fixed is in components/condor/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from components.base import Facility
from settings import Pool
from settings.quantity import bytes_of

MANAGER, SCHEDD = "condor-manager", "condor-schedd"
PORT = 9618
"""IANA's port of HTCondor; every daemon of a pod is behind it (SHARED_PORT)."""
WORKER_PORTS = (10000, 10999)
"""Where Dask's workers and their nannies listen; images/execute/bin/condor-job tells them."""
TOKENS = "/run/secrets/node/tokens.d"
_FILES = Path(__file__).with_name("condor")


def _text(file: str, **values: object) -> str:
    return Template((_FILES / file).read_text()).substitute(values)


def node_identity(pool: Pool) -> str:
    """Return who execute nodes are: nobody of the users' domain."""
    return f"execute@{pool.trust_domain}"


def schedd_name(facility: Facility) -> str:
    """Return what the access point is called; with an @, or HTCondor would add the pod's own name."""
    return f"schedd@{facility.namespace}"


def _common(facility: Facility, pool: Pool) -> str:
    return _text(
        "common.conf",
        manager=facility.service_names(MANAGER)[-1],
        port=PORT,
        trust_domain=pool.trust_domain,
        uid_domain=pool.uid_domain,
    )


def manager(facility: Facility, pool: Pool) -> str:
    """Return the central manager's configuration."""
    return _common(facility, pool) + _text(
        "manager.conf",
        name=facility.namespace,
        port=PORT,
        uid_domain=pool.uid_domain,
        execute=node_identity(pool),
    )


def schedd(facility: Facility, pool: Pool) -> str:
    """Return the access point's configuration."""
    return _common(facility, pool) + _text(
        "schedd.conf",
        schedd=schedd_name(facility),
        uid_domain=pool.uid_domain,
        jobs_per_user=pool.jobs_per_user,
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
    return _text(
        "client.conf",
        manager=facility.service_names(MANAGER)[-1],
        port=PORT,
        schedd=schedd_name(facility),
        trust_domain=pool.trust_domain,
        uid_domain=pool.uid_domain,
    )


def dask(pool: Pool) -> str:
    """Return Dask's configuration in a session."""
    worker = pool.worker
    return _text(
        "dask.yaml",
        cores=worker.cores,
        # Dask reads MiB as Kubernetes does Mi.
        memory=f"{worker.memory}B",
        disk=f"{worker.disk}B",
    )


def worker_ports() -> str:
    """Return the range as Dask's command line has it."""
    return f"{WORKER_PORTS[0]}:{WORKER_PORTS[1]}"
