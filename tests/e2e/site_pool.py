"""A site's own HTCondor pool: real daemons in a network namespace, with domains and a key of their own.

Its machine is an image of its own (site/Containerfile): the execute image with the daemons of a central
manager and an access point, and Debian's Docker. HTCondor's run without privileges; they and Docker are in
PID namespaces, so that each ends at once with all that it started.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO, Any, Literal
from urllib.parse import urlsplit

from images.table import reference
from local.cluster import remove_cgroups
from local.config import NODE_ADDRESS
from local.images import REGISTRY, buildah
from local.paths import cache
from tests.e2e.facility import facility, kubectl, wait_for
from tests.e2e.outside import Place, computer
from tests.unit.credentials.ca import Ca

AUDIENCE = "https://condor.site.example.org"
SERVICE, SERVICE_PORT = "condor-token-service", 9443
"""The site's token service: its name, and where it listens."""
PLACE = Place("coffea-site", "coffea-site0", "10.98.1.1", "10.98.1.2")
NAMESPACE = "site"
HOST = f"cm.{NAMESPACE}.svc.cluster.local"
"""As pods find it (`in_dns`), and as its certificate says."""
TRUST_DOMAIN, UID_DOMAIN = "site.example.org", "accounts.site.example.org"
BRIDGE = f"bridge@{TRUST_DOMAIN}"
"""Whom the site takes the facility's access point for."""
DIRECTORY = Path(__file__).with_name("site")
IMAGE = reference(REGISTRY, "execute")
"""What a worker's container at the site is made of."""
CGROUP = "coffea-site"
ISSUER = "https://localhost:30443/hub/issuer"
"""Whose SciTokens the site takes: the facility's."""
UID = "1000:1000"
ENVIRONMENT = (
    "PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG=C.UTF-8",
    "HOME=/run/condor",
    "CONDOR_CONFIG=/run/condor/condor.conf",
)


def _buildah(*words: str | Path) -> str:
    done = subprocess.run(buildah(*words), capture_output=True, text=True)
    assert done.returncode == 0, f"buildah {words}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Site:
    """The running pool."""

    root: Path
    ca: str
    """PEM of who signed for its access point and its token service."""

    def inside(self, *words: str) -> list[str]:
        """Return a command as it runs in the machine's file system."""
        return ["chroot", f"--userspec={UID}", str(self.root), "env", "-i", *ENVIRONMENT, *words]

    def command(self, *words: str) -> list[str]:
        """Return a command as it runs on the site's machine."""
        return ["ip", "netns", "exec", PLACE.namespace, *self.inside(*words)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program on the site's machine, as its administrator."""
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60)

    def token(self, identity: str, *levels: str, seconds: int = 3600) -> str:
        """Return a token that the site signs."""
        wanted = [word for level in levels for word in ("-authz", level)]
        done = self.run("condor_token_create", "-identity", identity, "-lifetime", str(seconds), *wanted)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def in_universe(universe: Literal["container", "docker", "vanilla"]) -> dict[str, str]:
    """Return the settings for workers of this universe at the site."""
    # The site's machine is an execute node of this release itself: jobs find its programs there.
    return {"universe": universe} | ({} if universe == "vanilla" else {"image": f"docker://{IMAGE}"})


def containers(site: Site) -> list[str]:
    """Return the image of each container that HTCondor runs at the site now."""
    return site.run("docker", "ps", "--filter=name=^HTCJob", "--format={{.Image}}").stdout.split()


@dataclass(frozen=True)
class TokenService:
    """The site's running token service."""

    process: subprocess.Popen[str]
    audit: list[str]
    """What it has told of requests so far."""

    def stop(self) -> None:
        """Be away from now on."""
        self.process.kill()
        self.process.wait()


@contextmanager
def token_service(site: Site) -> Iterator[TokenService]:
    """Run the site's token service on its machine."""
    place = site.root / "run/condor"
    told = {
        "place": [PLACE.there, SERVICE_PORT],
        "certificate": [str(place / "host.pem"), str(place / "host.key")],
        "issuer": ISSUER,
        "ca": str(facility().ca_file),
        "audience": SERVICE,
        "domain": UID_DOMAIN,
        "mint": site.command("condor_token_create", "-authz", "READ", "-authz", "WRITE"),
    }
    program = str(Path(__file__).with_name("token_service.py"))
    command = ["ip", "netns", "exec", PLACE.namespace, sys.executable, program, json.dumps(told)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        running = TokenService(process, [])
        threading.Thread(target=_collect, args=(process.stdout, running.audit), daemon=True).start()
        try:
            wait_for("the site's token service", lambda: "ready" in running.audit, 30)
            yield running
        finally:
            running.stop()


def _collect(lines: IO[str], into: list[str]) -> None:
    for line in lines:
        into.append(line.strip())


@contextmanager
def _machine() -> Iterator[Path]:
    """Mount a container of the site's image, which buildah makes of what it has; it is gone afterwards."""
    tag = "localhost/coffea-casa/test-site"
    bases = [f"--build-arg={name.upper()}={reference(REGISTRY, name)}" for name in ("execute", "condor")]
    _buildah("bud", "--layers", "--isolation=chroot", "--pull-never", f"--tag={tag}", *bases, DIRECTORY)
    container = _buildah("from", "--pull-never", tag)
    try:
        yield Path(_buildah("mount", container))
    finally:
        _buildah("rm", container)


def _lay(root: Path, ca: Ca) -> None:
    """Put the configuration and keys in the root."""
    state = root / "run/condor"
    for directory in (state, state / "spool", state / "keys"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.chown(directory, 1000, 1000)
    values = {
        "address": PLACE.there,
        "host": HOST,
        "trust_domain": TRUST_DOMAIN,
        "uid_domain": UID_DOMAIN,
        "bridge": BRIDGE,
        "audience": AUDIENCE,
    }
    leaf = ca.leaf({"commonName": HOST}, "server_auth", dnsNames=[HOST], ipAddresses=[PLACE.there])
    for name, text, mode in (
        ("condor.conf", Template((DIRECTORY / "condor.conf").read_text()).substitute(values), 0o644),
        ("keys/POOL", secrets.token_hex(32), 0o600),
        ("host.key", leaf.key, 0o600),
        ("host.pem", leaf.chain, 0o644),
        ("mapfile", f"SCITOKENS ^{re.escape(ISSUER)},([a-z0-9-]+)$ \\1@{UID_DOMAIN}\n", 0o644),
    ):
        (state / name).write_text(text)
        (state / name).chmod(mode)
        shutil.chown(state / name, 1000, 1000)
    # The site trusts whom the world trusts; the one machine's facility is its own authority.
    with (root / "etc/ssl/certs/ca-certificates.crt").open("a") as trusted:
        trusted.write(facility().ca_file.read_text())


_FORWARD = """
import asyncio, sys

async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    there, back = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[2]))
    await server.serve_forever()

asyncio.run(main())
"""


@contextmanager
def _way_to_the_facility() -> Iterator[None]:
    """Let the site's machine find the facility at the address that it has on the one machine, localhost."""
    port = str(urlsplit(facility().url).port)
    enter = ["ip", "netns", "exec", PLACE.namespace]
    forward = subprocess.Popen([*enter, sys.executable, "-c", _FORWARD, NODE_ADDRESS, port])
    try:
        yield
    finally:
        forward.kill()
        forward.wait()


@contextmanager
def in_dns() -> Iterator[None]:
    """Let pods find the site's machine by its name, as the world's DNS would."""
    labels = {"kubernetes.io/service-name": "cm"}
    port = {"name": "condor", "port": 9618, "protocol": "TCP"}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "cm", "namespace": NAMESPACE},
            "spec": {"clusterIP": "None", "ports": [port]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "cm", "namespace": NAMESPACE, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [PLACE.there]}],
            "ports": [port],
        },
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"apiVersion": "v1", "kind": "List", "items": objects}, file)
        file.flush()
        # Not in the facility's namespace.
        kubectl("apply", f"--filename={file.name}", "--namespace=")
    try:
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE)


@contextmanager
def _alone(root: Path, mounts: Mapping[str, str], command: list[str]) -> Iterator[None]:
    """Run a command in the site's network, and in a PID namespace that ends with this process.

    ``mounts`` has what is seen in the root, by the path there. The first process stays root's, to be ended
    with its parent.
    """
    bound = " && ".join(f"mount --rbind {real} {root}{place}" for place, real in mounts.items())
    words = ["setpriv", "--pdeathsig=KILL", "nsenter", f"--net=/run/netns/{PLACE.namespace}"]
    words += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
    words += [f'mount -t proc proc {root}/proc && {bound} && "$@"; exit $?', "sh", *command]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def _docker(site: Site) -> Iterator[None]:
    """Run Docker's engine on the site's machine, for containers on the machine's own network."""
    data = cache() / "site-docker"
    for directory in (data, site.root / "var/lib/docker"):
        directory.mkdir(parents=True, exist_ok=True)
    engine = ["dockerd", "--group=1000", f"--cgroup-parent=/{CGROUP}", "--log-driver=none", "--bridge=none"]
    # The firewall and the routes of this machine are not the site's to change.
    engine += ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    mounts = {"/dev": "/dev", "/sys": "/sys", "/var/lib/docker": str(data)}
    with _alone(site.root, mounts, ["chroot", str(site.root), "env", "-i", path, *engine]):
        try:
            wait_for("the site's Docker", lambda: site.run("docker", "info").returncode == 0, 60)
            _have(site, IMAGE)
            yield
        finally:
            site.run("docker", "rm", "--force", *site.run("docker", "ps", "--all", "--quiet").stdout.split())
    remove_cgroups(CGROUP)


def _have(site: Site, image: str) -> None:
    """Have an image in Docker's storage, which is kept for the next run, and no other one."""
    there = site.run("docker", "images", "--format={{.Repository}}:{{.Tag}}").stdout.split()
    if image in there:
        return
    site.run("docker", "rmi", "--force", *there)
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        archive = Path(scratch) / "image.tar"
        _buildah("push", "--quiet", image, f"docker-archive:{archive}:{image}")
        with archive.open("rb") as file:
            subprocess.run(site.command("docker", "load", "--quiet"), stdin=file, check=True, timeout=300)


@contextmanager
def site_pool(home: Path, *names: str) -> Iterator[Site]:
    """Run the pool; its machine finds the facility under these names."""
    with ExitStack() as stack:
        root, ca = stack.enter_context(_machine()), Ca()
        _lay(root, ca)
        stack.enter_context(computer(home, *names, place=PLACE))
        stack.enter_context(_way_to_the_facility())
        (root / "etc/hosts").write_text(PLACE.hosts.read_text() + f"{PLACE.there} {HOST}\n")
        site = Site(root, ca.pem)
        stack.enter_context(_docker(site))
        stack.enter_context(_alone(root, {"/dev": "/dev"}, site.inside("condor-daemons")))
        wait_for("the site's node", lambda: "slot1@" in site.run("condor_status", "-af", "Name").stdout, 60)
        yield site
