"""Users of one facility, with certificates as the issuer makes them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed.security import Security

from services.credentials.bundle import Mint
from services.credentials.keys import SigningKey
from services.credentials.person import Person
from tests.unit.credentials.ca import Ca
from tests.unit.credentials.conftest import SETTINGS
from tests.unit.plugins.conftest import make_key

SESSION = Path(__file__).parents[3] / "images/session"
CLUSTER = Path(__file__).with_name("dask_cluster.py")


@dataclass(frozen=True)
class Facility:
    """A CA with its issuer; a directory for each user's files."""

    ca: Ca
    mint: Mint
    directory: Path

    def files(self, slug: str) -> Path:
        """Return the directory of a user's bundle."""
        place = self.directory / slug
        if not place.exists():
            place.mkdir()
            bundle = self.mint.bundle(Person(user=f"{slug}@example.org", slug=slug), int(time.time()))
            for name, content in bundle.files.items():
                (place / name).write_text(content)
        return place

    def security(self, slug: str, certificate: str = "usercert.pem") -> Security:
        """Return what a client of a user shows."""
        files = self.files(slug)
        own = {"tls_client_cert": str(files / certificate), "tls_worker_cert": str(files / certificate)}
        return Security(tls_ca_file=str(files / "ca.pem"), require_encryption=True, **own)


@pytest.fixture(scope="session")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Facility:
    ca = Ca()
    signing = SigningKey.load(make_key()["privateKeyPemPkcs8"].encode())
    return Facility(ca, Mint(SETTINGS, ca.authority(), signing), tmp_path_factory.mktemp("users"))


@dataclass(frozen=True)
class Cluster:
    """A running cluster of a user."""

    scheduler: str
    workers: list[str]
    log: Path

    def says(self, *texts: str) -> bool:
        """Tell whether the log has a line with all of these texts, within three seconds."""
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if any(all(text in line for text in texts) for line in self.log.read_text().splitlines()):
                return True
            time.sleep(0.05)
        return False


Start = Callable[..., Cluster]


@pytest.fixture(scope="module")
def start(facility: Facility, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start clusters of users; ``dask`` is the directory of Dask's configuration."""
    with ExitStack() as stack:

        def started(slug: str, workers: int = 0, dask: Path = SESSION / "dask") -> Cluster:
            files, log = facility.files(slug), tmp_path_factory.mktemp("log") / "log"
            environment = {**os.environ, "PYTHONPATH": str(SESSION / "site"), "DASK_ROOT_CONFIG": str(dask)}
            command = [sys.executable, CLUSTER, files / "ca.pem", files / "hostcert.pem", str(workers)]
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log.open("w"),
                    text=True,
                )
            )
            assert process.stdout
            scheduler, *addresses = process.stdout.readline().split() or [""]
            assert scheduler, log.read_text()
            return Cluster(scheduler, addresses, log)

        yield started
