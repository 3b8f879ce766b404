"""A user's own computer: files from the hub's page, and Dask from outside the cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.download import DOMAIN, PORT, Files, download
from tests.e2e.facility import Facility, kubectl, pod_name
from tests.e2e.outside import Computer, computer
from tests.e2e.person import Person
from tests.e2e.server import Server

UNKNOWN = (f"nobody-here.{DOMAIN}", "localhost.example.org", "daskgateway-opendata." + "0" * 32)
"""Names that lead nowhere: of the right shape, of another facility, and of the gateway's clusters."""
START = """
import logging
from coffea_casa import CoffeaCasaCluster

heard = []
class Hear(logging.Handler):
    def emit(self, record):
        heard.append(record.getMessage())

logging.getLogger("distributed.comm.tcp").addHandler(Hear())
mine = CoffeaCasaCluster()
mine.scale(1)
"""
CONNECT = """
import socket, ssl, sys, time
name, port, ca, certificate = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.create_default_context(cafile=ca)
if certificate:
    context.load_cert_chain(certificate)
start = time.monotonic()
try:
    with socket.create_connection((name, port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as tls:
            said = "hello" if tls.recv(8) else "closed"
except (ConnectionError, ssl.SSLError) as error:
    said = f"refused: {error}"
print(time.monotonic() - start, said)
"""
"""Without Dask: shake hands, and see whether a scheduler speaks."""


@pytest.fixture(scope="module")
def scheduler(notebook: Server) -> Iterator[Server]:
    """A new kernel of the first user's with a cluster on HTCondor, whose scheduler is at port 8786."""
    kernel = notebook.account.start_kernel()
    kernel.run(START)
    yield kernel
    kernel.run("mine.close()")


@pytest.fixture(scope="module")
def files(
    scheduler: Server, person: Person, facility: Facility, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    """What the first user downloads."""
    return download(person, facility, tmp_path_factory.mktemp("laptop"))


@pytest.fixture(scope="module")
def stolen(
    files: Files, colleague: Person, facility: Facility, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    """The first user's snippet with the colleague's certificate."""
    directory = tmp_path_factory.mktemp("stolen")
    others = download(colleague, facility, directory)
    copied = directory / "mixed" / files.place.name
    shutil.copytree(files.place, copied)
    shutil.copy(others.place / "usercert.pem", copied)
    return Files(copied)


@pytest.fixture(scope="module")
def laptop(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computer]:
    """A computer outside the cluster."""
    with computer(tmp_path_factory.mktemp("home"), files.host, *UNKNOWN) as outside:
        yield outside


Connect = Callable[..., tuple[float, str]]


@pytest.fixture
def connect(laptop: Computer, files: Files) -> Connect:
    """Shake hands with a name from outside: seconds, and what came of it."""

    def connected(name: str, certificate: Path | None) -> tuple[float, str]:
        arguments = (name, str(PORT), str(files.place / "ca.pem"), str(certificate or ""))
        done = laptop.run(sys.executable, "-c", CONNECT, *arguments)
        assert done.returncode == 0, done.stderr
        seconds, _, said = done.stdout.strip().partition(" ")
        return float(seconds), said

    return connected


def issued() -> list[dict[str, object]]:
    """Return what the issuer's pods recorded as issued."""
    log = kubectl("logs", "--selector=app.kubernetes.io/component=credentials", "--tail=-1").stdout
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("outcome") == "issued"]


def test_the_download_is_that_users_and_no_more(files: Files, notebook: Server) -> None:
    assert {file.name for file in files.place.iterdir()} == {
        "ca.pem",
        "usercert.pem",
        "snippet.py",
        "README.txt",
    }
    key = files.place / "usercert.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    certificate = x509.load_pem_x509_certificate(key.read_bytes())
    assert notebook.account.user in certificate.subject.rfc4514_string()
    ends = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    assert f"good until {ends}" in (files.place / "README.txt").read_text()
    serial = f"{certificate.serial_number:x}"
    assert [line for line in issued() if serial in json.dumps(line)], "the audit trail knows it"


def test_it_is_not_the_sessions_own_certificate(files: Files, notebook: Server) -> None:
    own = notebook.value("", "open('/etc/cmsaf-secrets/usercert.pem').read()")
    assert own not in (files.place / "usercert.pem").read_text()


def test_another_sites_form_gets_nothing(person: Person, facility: Facility) -> None:
    before = len(issued())
    person.page.goto(f"{facility.url}/hub/laptop")
    status = person.page.evaluate(
        """async () => (await fetch("laptop", {
            method: "POST", body: new URLSearchParams({_xsrf: "forged"})
        })).status"""
    )
    assert status == 403
    assert len(issued()) == before


def test_dask_computes_for_a_client_outside_the_cluster(files: Files, laptop: Computer) -> None:
    done = laptop.run(sys.executable, str(files.place / "snippet.py"))
    assert "20 + 22 = 42" in done.stdout, done.stderr
    assert f"tls://{files.host}:{PORT}" in (files.place / "snippet.py").read_text()


def test_it_computes_on_this_machine_as_well(files: Files, tmp_path: Path) -> None:
    """The machine's own localhost, with the name sent and not looked up."""
    script = (
        "import socket, sys; ask = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *a, **k: "
        f"ask('127.0.0.1' if host == {files.host!r} else host, *a, **k)\n"
        f"import runpy; runpy.run_path({str(files.place / 'snippet.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert "20 + 22 = 42" in done.stdout, done.stderr


def test_another_user_is_refused_by_identity(stolen: Files, laptop: Computer, scheduler: Server) -> None:
    done = laptop.run(sys.executable, str(stolen.place / "snippet.py"))
    assert done.returncode != 0
    assert "42" not in done.stdout
    heard = scheduler.value("", "heard")
    slug = pod_name("session", scheduler.account.user).removeprefix("jupyter-")
    assert any(f"REFUSED: this program is of user '{slug}'" in line for line in heard), heard


def test_by_plain_tls_the_user_is_heard_and_others_are_not(
    connect: Connect, files: Files, stolen: Files
) -> None:
    assert connect(files.host, files.place / "usercert.pem")[1] == "hello"
    for certificate in (stolen.place / "usercert.pem", None):
        assert connect(files.host, certificate)[1] != "hello"


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_name_is_closed_at_once(connect: Connect, files: Files, name: str) -> None:
    seconds, said = connect(name, files.place / "usercert.pem")
    assert said.startswith("refused"), said
    assert seconds < 2


HOLD = """
import select, socket, sys, time
place = sys.argv[1], int(sys.argv[2])
held = [socket.create_connection(place, 5) for _ in range(260)]
time.sleep(1)
print(len(select.select(held, [], [], 0)[0]))
"""
"""How many of 260 connections are closed soon."""


def test_one_computer_has_256_connections_and_no_more(
    laptop: Computer, files: Files, connect: Connect
) -> None:
    done = laptop.run(sys.executable, "-c", HOLD, files.host, str(PORT))
    assert done.stdout.strip() == "4", done.stderr
    time.sleep(1)
    assert connect(files.host, files.place / "usercert.pem")[1] == "hello"
