"""Times of what a user waits for: a notebook server, and a Dask cluster with two workers.

    python -m bench.start_times [--runs N]

Needs the facility up with the users of the end-to-end tests. Prints minimum, median
and maximum in seconds. A measurement, not a test: nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import time

from bench.table import row, title
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
    print(title(f"seconds, {runs} runs"))
    print(row("notebook server", servers, 1))
    print(row("Dask cluster with two workers", clusters, 1))


if __name__ == "__main__":
    main()
