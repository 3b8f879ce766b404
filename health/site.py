"""Where a facility is and who may look at it, as its stack says."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settings import Settings, load
from settings.loader import CLIENT_SECRET
from tools.stackfiles import settings_of


class SiteError(RuntimeError):
    """The stack does not say what is needed; the message says what to do."""


@dataclass(frozen=True)
class Site:
    """A facility's address, and how the health check comes in."""

    url: str
    ca_file: Path | None
    """None means that a public CA signed."""
    user: str
    """Whose server it starts."""
    token: str = field(repr=False)
    """Of the service that acts for that user."""


def outputs(stack: str, directory: Path) -> dict[str, Any]:
    """Return the outputs of a stack, secret ones too. Raises SiteError."""
    command = ["pulumi", "stack", "output", "--json", "--show-secrets", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    except FileNotFoundError:
        raise SiteError("there is no program pulumi: install it") from None
    if done.returncode:
        raise SiteError(f"pulumi stack output: {done.stderr.strip()}")
    return json.loads(done.stdout)


def settings(stack: str, directory: Path) -> Settings:
    """Return the settings of a stack. Raises SiteError, SettingsError."""
    file = directory / f"Pulumi.{stack}.yaml"
    if not file.is_file():
        raise SiteError(f"there is no {file.name}")
    raw, secrets = settings_of(file.read_text())
    if "issuer" in raw.get("identity", {}):
        # Not needed here; some keep it elsewhere than in the file.
        raw, secrets = raw | {CLIENT_SECRET: ""}, secrets | {CLIENT_SECRET}
    found = load(raw, stack=stack, secrets=secrets)
    if found.health is None:
        raise SiteError(f"write coffea-casa:health into {file.name} (docs/operator.md) and run `pulumi up`")
    return found


def site(found: dict[str, Any], settings: Settings, directory: Path) -> Site:
    """Return the facility of some outputs; the CA's certificate goes into ``directory``. Raises SiteError."""
    if "healthToken" not in found:
        raise SiteError("the stack has no output healthToken: run `pulumi up`")
    ca_file = None
    if settings.public.tls == "facility":
        ca_file = directory / "ca.pem"
        ca_file.write_text(found["caCertificate"])
    return Site(url=found["url"], ca_file=ca_file, user=found["healthUser"], token=found["healthToken"])
