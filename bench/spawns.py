"""How long the hub's event loop stands still while many servers start at once.

    python -m bench.spawns [--servers N]

Needs the facility up with the users of the end-to-end tests; changes its settings for the time of the
measurement (an administrator, small requests) and takes them back. The figures are the hub's own
(JupyterHub, metric event_loop_interval_seconds): upper bounds of histogram buckets, none below 50 ms.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.e2e import facility as operator
from tests.e2e.browser import chromium
from tests.e2e.person import meet
from tests.e2e.server import Account

BUCKET = re.compile(r'^jupyterhub_event_loop_interval_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.M)
PROFILE = {"name": "bench", "title": "Bench", "coresRequest": 0.02, "memoryRequest": "64Mi"}
Buckets = dict[float, float]
"""Upper bound in seconds to the number of intervals so far that are not longer."""


@contextmanager
def roomy(servers: int) -> Iterator[None]:
    """Let many servers start at once on a small machine, and the first user start them."""
    settings = yaml.safe_load(operator.OVERRIDES.read_text())
    config = settings["config"]
    config["coffea-casa:access"] |= {"admins": [config["coffea-casa:identity"]["users"][0]]}
    config["coffea-casa:session"] = {"profiles": [PROFILE]}
    config["coffea-casa:hub"] = {"concurrentSpawns": servers}
    with tempfile.TemporaryDirectory() as directory:
        overrides = Path(directory) / "overrides.yaml"
        overrides.write_text(yaml.safe_dump(settings))
        operator.pulumi("up", "--yes", "--skip-preview", overrides=overrides)
        operator.rollout("hub")
        try:
            yield
        finally:
            operator.pulumi("up", "--yes", "--skip-preview")
            operator.rollout("hub")


def buckets(account: Account) -> Buckets:
    """Read the hub's histogram."""
    text = account.request("GET", "/hub/metrics").text
    return {float(bound): float(count) for bound, count in BUCKET.findall(text)}


def between(before: Buckets, after: Buckets) -> Buckets:
    """Return the histogram of what happened in between."""
    return {bound: count - before.get(bound, 0) for bound, count in after.items()}


def quantile(histogram: Buckets, part: float) -> float:
    """Return the bound below which that part of the intervals lies, in seconds."""
    wanted = part * max(histogram.values())
    return min(bound for bound, count in histogram.items() if count >= wanted)


def start_all(account: Account, users: Sequence[str]) -> float:
    """Start everybody's server at once; return the seconds until all are ready."""
    start = time.monotonic()
    for user in users:
        response = account.request("POST", f"/hub/api/users/{user}/server", json={})
        assert response.status_code in (201, 202), response.text

    def ready() -> bool:
        models = (account.get(f"/hub/api/users/{user}") for user in users)
        return all(model.get("servers", {}).get("", {}).get("ready") for model in models)

    operator.wait_for("all servers", ready, 600, pause=2)
    return time.monotonic() - start


def stop_all(account: Account, users: Sequence[str]) -> None:
    """Stop the servers, and forget the users and their homes."""
    for user in users:
        account.request("DELETE", f"/hub/api/users/{user}/server")
    for user in users:
        operator.wait_for(
            "the server's end",
            lambda user=user: not account.get(f"/hub/api/users/{user}").get("servers"),
            120,
        )
        account.request("DELETE", f"/hub/api/users/{user}")
        operator.kubectl("delete", "persistentvolumeclaim", f"home-{user}", "--ignore-not-found")


def line(name: str, histogram: Buckets) -> str:
    """Return one line of the table, in milliseconds."""
    values = (1000 * quantile(histogram, part) for part in (0.5, 0.99, 1))
    return f"{name:28}" + "".join(f"{value:10.0f}" for value in values)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Blocks of the hub's event loop while servers start.")
    parser.add_argument("--servers", type=int, default=20)
    servers: int = parser.parse_args().servers
    facility = operator.facility()
    users = [f"bench{number}" for number in range(servers)]
    with roomy(servers), chromium(facility.ca_file) as browser:
        account = meet(browser, facility, facility.first_user).account
        for user in users:
            account.request("POST", f"/hub/api/users/{user}")
        first = buckets(account)
        time.sleep(30)
        second = buckets(account)
        try:
            seconds = start_all(account, users)
            third = buckets(account)
        finally:
            stop_all(account, users)
    print(f"{'intervals (ms), at most':28}{'median':>10}{'p99':>10}{'longest':>10}")
    print(line("nothing happens, 30 s", between(first, second)))
    print(line(f"{servers} servers start, {seconds:.0f} s", between(second, third)))


if __name__ == "__main__":
    main()
