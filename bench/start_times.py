"""Times of what a user waits for: a notebook server, and a Dask cluster with two workers.

    python -m bench.start_times [--runs N]

Needs the facility up with the users of the end-to-end tests. Prints minimum, median
and maximum in seconds. A measurement, not a test: nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from tests.e2e import facility as operator
from tests.e2e.browser import chromium
from tests.e2e.person import meet
from tests.e2e.server import NEW_CLUSTER, Account

END_CLUSTER = "client.close(); cluster.shutdown(); gateway.close()"


def start_server(account: Account) -> float:
    """Return the seconds from the request for a server to its first answer."""
    start = time.monotonic()
    account.start_server()
    return time.monotonic() - start


def start_cluster(account: Account) -> float:
    """Return the seconds from ``new_cluster()`` to two workers, as the user's kernel counts them."""
    kernel = account.start_kernel()
    times = kernel.value(NEW_CLUSTER, "times", seconds=600)
    kernel.run(END_CLUSTER)
    return times[1]


def line(name: str, times: Sequence[float]) -> str:
    """Return one line of the table."""
    return f"{name:32} {min(times):8.1f} {statistics.median(times):8.1f} {max(times):8.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Times of what a user waits for.")
    parser.add_argument("--runs", type=int, default=5)
    runs: int = parser.parse_args().runs
    facility = operator.facility()
    with chromium(facility.ca_file) as browser:
        account = meet(browser, facility, facility.first_user).account
    servers: list[float] = []
    clusters: list[float] = []
    for _ in range(runs):
        servers.append(start_server(account))
        clusters.append(start_cluster(account))
        account.stop_server()
    print(f"{f'seconds, {runs} runs':32} {'minimum':>8} {'median':>8} {'maximum':>8}")
    print(line("notebook server", servers))
    print(line("Dask cluster with two workers", clusters))


if __name__ == "__main__":
    main()
