"""A user's cluster as CoffeaCasaCluster makes one: a scheduler in this process, by SpecCluster, over TLS.

    python dask_cluster.py ca.pem hostcert.pem WORKERS

Writes the scheduler's address, and its workers', and goes on until standard input ends.
"""

from __future__ import annotations

import sys
from typing import Any

from distributed import Scheduler, SpecCluster, Worker
from distributed.security import Security


def main(ca: str, certificate: str, workers: int) -> None:
    """Run the cluster."""
    own = {f"tls_{role}_cert": certificate for role in ("scheduler", "worker", "client")}
    security = Security(tls_ca_file=ca, require_encryption=True, **own)
    options = {"security": security, "protocol": "tls", "host": "127.0.0.1"}
    scheduler = {"cls": Scheduler, "options": {**options, "dashboard_address": "127.0.0.1:0"}}
    worker = {"cls": Worker, "options": {**options, "nthreads": 1, "dashboard": False}}
    spec = {str(number): worker for number in range(workers)}
    made: Any = SpecCluster(scheduler=scheduler, workers=spec, security=security)
    with made as cluster:
        print(cluster.scheduler_address, *(w.address for w in cluster.workers.values()), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
