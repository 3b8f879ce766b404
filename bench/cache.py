"""What the cache costs and what it gains: reads through it against reads from the server behind it.

    python -m bench.cache [--runs N] [--size MIB]

Needs the one-machine facility up, where cache and origin are on one disk; changes the cache's mode for a part
of the measurement and takes it back. The readers are in the cache's pod, so that only the servers differ and
not the ways to them. Prints MiB/s of all readers together, and ratios of medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.table import row, title
from local import origin
from tests.e2e import tokens
from tests.e2e.changes import changed
from tests.e2e.facility import kubectl

CACHE = "xcache-0.xcache-nodes.opendata.svc.cluster.local"
TOKEN = "/tmp/bench-token"
MANY = 20
READ = """
export BEARER_TOKEN_FILE={token} X509_CERT_FILE=/run/xrootd/authorities.pem
start=$(date +%s%N)
for number in $(seq {readers}); do xrdcp -s -f root://{server}/{path} /dev/null & jobs="$jobs $!"; done
for job in $jobs; do wait $job || exit 1; done
echo $(( $(date +%s%N) - start ))
"""


@dataclass(frozen=True)
class Bench:
    """Files of one size at the origin."""

    mib: int
    runs: int

    @contextmanager
    def file(self) -> Iterator[str]:
        """Give the path of a file that no cache has seen."""
        path = f"{origin.FOLDER}/bench-{time.time_ns()}"
        place = origin.data() / path.lstrip("/")
        place.write_bytes(os.urandom(self.mib * 2**20))
        try:
            yield path
        finally:
            place.unlink()

    def read(self, server: str, path: str, readers: int = 1) -> float:
        """Let readers read a whole file at once; return MiB/s of all together."""
        script = READ.format(token=TOKEN, readers=readers, server=server, path=path)
        done = kubectl("exec", "--quiet", "xcache-0", "--container=xrootd", "--", "sh", "-c", script)
        return readers * self.mib / (int(done.stdout) / 1e9)

    def measure(self) -> dict[str, list[float]]:
        """Return the figures of every run by what was read."""
        figures: dict[str, list[float]] = {}
        for _ in range(self.runs):
            with self.file() as path:
                # The origin's own first read, too, is from the disk's cache: the file was just written.
                found = {
                    "origin, 1 reader": self.read(origin.HOST, path),
                    "cache, cold, 1 reader": self.read(CACHE, path),
                    "cache, warm, 1 reader": self.read(CACHE, path),
                    f"origin, {MANY} readers": self.read(origin.HOST, path, MANY),
                    f"cache, warm, {MANY} readers": self.read(CACHE, path, MANY),
                }
            with self.file() as path:
                found[f"cache, cold, {MANY} readers"] = self.read(CACHE, path, MANY)
            for name, value in found.items():
                figures.setdefault(name, []).append(value)
        return figures


def put_token() -> None:
    """Give the readers a token of the facility."""
    token = tokens.signed(tokens.facility_key())
    script = f"umask 077; cat >{TOKEN}"
    kubectl("exec", "--stdin", "xcache-0", "--container=xrootd", "--", "sh", "-c", script, stdin=token)


def ratios(figures: dict[str, list[float]], pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each pair: how many times as fast the first is."""
    for first, second in pairs:
        ratio = statistics.median(figures[first]) / statistics.median(figures[second])
        yield f"{first} / {second}: {ratio:.2f}"


def report(name: str, figures: dict[str, list[float]]) -> None:
    """Print one mode's table."""
    print(title(f"{name} (MiB/s)"))
    for what, values in figures.items():
        print(row(what, values))
    one, many = "1 reader", f"{MANY} readers"
    pairs = [
        (f"cache, {state}, {who}", f"origin, {who}") for who in (one, many) for state in ("warm", "cold")
    ]
    print("\n".join(ratios(figures, pairs)), end="\n\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reads through the cache against reads from its origin.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, default=64, help="MiB of a file")
    options = parser.parse_args()
    bench = Bench(mib=options.size, runs=options.runs)
    public = bench.measure()
    with changed(xcache={"mode": "authorised"}):
        kubectl("rollout", "status", "statefulset/xcache", "--timeout=180s")
        put_token()
        authorised = bench.measure()
    report("without tokens", public)
    report("with tokens", authorised)
    both = {
        f"{mode}: {what}": v
        for mode, f in (("with", authorised), ("without", public))
        for what, v in f.items()
    }
    cached = [what for what in public if what.startswith("cache")]
    print("\n".join(ratios(both, [(f"with: {what}", f"without: {what}") for what in cached])))


if __name__ == "__main__":
    main()
