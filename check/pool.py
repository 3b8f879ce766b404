"""A site's HTCondor pool: whether its collector is there, and takes the token that the site gave."""

from __future__ import annotations

import os
import runpy
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import cast

from check.finding import Finding, failed, not_applicable, ok
from check.kubectl import Kubectl, KubectlError
from check.names import addresses, within
from settings import OutsidePool, Settings, SitePool
from tools.recording import ROOT

NAME = "HTCondor pool"
PORT = 9618
"""IANA's port of HTCondor's collector."""
SECONDS = 10.0
KEY = "token"
"""Of the Secret."""
JUDGE = ROOT / "images/condor/bin/condor-site-token"
"""What looks at the token in the access point's pod; its rules are run from here, so they are the same."""
CONFIG = Path(__file__).with_name("ping.conf")
TOKEN = "site"
"""File name of the token for condor_ping; any would do."""


class PoolError(ValueError):
    """What is wrong with a pool, and what to do."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.remedy = remedy


def answers(settings: Settings, kubectl: Kubectl, ping: str | None = None) -> Finding:
    """Look at a site's pool; ``ping`` is the program condor_ping, if there is one."""
    pool = settings.pool
    if pool is None:
        return not_applicable(NAME, "there is no coffea-casa:pool")
    there = pool.site or pool.remote
    if there is None:
        return not_applicable(NAME, "the pool is in the facility's own namespace")
    try:
        connect(there, f"pool.{'site' if pool.site else 'remote'}")
        told = _token(pool.site, settings.namespace, kubectl, ping) if pool.site else "tokens are users' own"
    except PoolError as error:
        return failed(NAME, str(error), error.remedy)
    return ok(NAME, f"the collector {there.collector} answers; {told}")


def place(server: str) -> tuple[str, int]:
    """Return host and port of HOST[:PORT]."""
    host, _, port = server.partition(":")
    return host, int(port or PORT)


def connect(site: OutsidePool, key: str = "pool.site", seconds: float = SECONDS) -> None:
    """Connect to the collector of the section ``key``, if the facility may. Raises PoolError."""
    host, port = place(site.collector)
    found = addresses(host)
    if not found:
        raise PoolError(f"{host} has no address", f"write coffea-casa:{key}.collector as DNS knows it")
    if not within(found, site.cidrs):
        raise PoolError(
            f"{host} is {', '.join(found)}, where the facility may not connect to",
            f"write it, and the site's machines, into coffea-casa:{key}.cidrs",
        )
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError as error:
        remedy = "see that the site's central manager runs and lets this machine and the cluster in"
        raise PoolError(f"{host}:{port}: {error}", remedy) from error


def _token(site: SitePool, namespace: str, kubectl: Kubectl, ping: str | None) -> str:
    """Return what there is to say of the site's token. Raises PoolError."""
    try:
        token = kubectl.secret_value(namespace, site.token_secret, KEY)
    except KubectlError as error:
        return f"its token cannot be looked at: {error}"
    if token is None:
        # The line "Secrets" says whether that is wrong.
        return f"its token is not there yet ({site.token_secret})"
    if wrong := judged(token, site.trust_domain):
        remedy = f"put another one into {site.token_secret} (docs/operator.md, On a site's pool)"
        raise PoolError(f"the token of {site.token_secret}: {wrong}", remedy)
    if ping is None:
        return "its token is for what is needed, and condor_ping is not here to ask whether it is taken"
    if refused := pinged(ping, site.collector, token):
        raise PoolError(
            f"the collector {site.collector} does not grant READ to the token: {refused}",
            "have the site look at its log, at ALLOW_READ and at the key that the token was signed with",
        )
    return "it takes the token"


def judged(token: str, trust_domain: str) -> str | None:
    """Return what is wrong with a token by what it says of itself; its signature is the site's to check."""
    rules = runpy.run_path(str(JUDGE))
    wrong = cast(Callable[[str, str, float], str | None], rules["wrong"])
    return wrong(token.strip(), trust_domain, time.time())


def pinged(program: str, collector: str, token: str) -> str | None:
    """Return what condor_ping says when the collector refuses READ to a token."""
    with TemporaryDirectory() as directory:
        tokens, config = Path(directory) / "tokens.d", Path(directory) / "condor_config"
        tokens.mkdir(mode=0o700)
        # HTCondor reads tokens that nobody else may.
        with open(os.open(tokens / TOKEN, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"{token.strip()}\n")
        config.write_text(Template(CONFIG.read_text()).substitute(tokens=tokens))
        # This machine's own configuration and tokens must not help.
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("_CONDOR_")},
            "CONDOR_CONFIG": str(config),
        }
        command = [program, "-pool", collector, "-type", "COLLECTOR", "READ"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip() or "it does not say why"


def program() -> str | None:
    """Return this machine's condor_ping, if there is one."""
    return shutil.which("condor_ping")
