"""The facility's stack on this machine's file backend: its passphrase, its settings, its engine commands."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local import config, engine, modules, origin, policy_pack, venv
from local.paths import ROOT, log, private_directory, state
from local.shell import StepError, answer, run

STACK = "opendata"
NODE_PORT = 30443
"""Of the facility's address https://localhost:30443 on the one-machine cluster."""


@dataclass(frozen=True)
class Site:
    """Where the stack lives: this machine's own cluster, or that of a context of the user's kubeconfig."""

    context: str | None = None
    registry: str | None = None

    @property
    def directory(self) -> Path:
        """Return where the stack's state and project are; each cluster has its own, so none is mistaken."""
        safe = re.sub(r"[^A-Za-z0-9.-]", "_", self.context or config.CONTEXT)
        return state() / "stacks" / safe

    @property
    def passphrase(self) -> Path:
        """Return the file of the passphrase that encrypts the secrets in the stack's state."""
        return state() / "passphrase"


def overrides(site: Site) -> dict[str, object]:
    """Return what the site lays over the committed stack file."""
    told: dict[str, object] = {"coffea-casa:kubernetes": {"context": site.context or config.CONTEXT}}
    if not site.context:
        told["coffea-casa:public"] = {"nodePort": NODE_PORT}
        told["coffea-casa:xcache"] = {"origin": origin.HOST, "originCidrs": [config.POD_RANGE]}
    if site.registry:
        told["coffea-casa:images"] = {"registry": site.registry}
    return {"config": told}


def environment(site: Site, *, policed: bool = False) -> dict[str, str]:
    """Return the engine's environment; ``policed`` where it is to find the policy pack's starter."""
    more = {
        "PULUMI_BACKEND_URL": f"file://{site.directory}/backend?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(site.passphrase),
        "VIRTUAL_ENV": str(venv.directory()),
    }
    if not site.context:
        more["KUBECONFIG"] = str(state() / "kubeconfig")
    # The language host built here takes the python3 that comes first.
    watching = policy_pack.path() if policed else []
    return engine.environment(more, first=[*watching, venv.directory() / "bin"])


def make_passphrase(site: Site) -> None:
    """Generate the passphrase, once, for its owner's eyes only."""
    private_directory(state())
    if not site.passphrase.exists():
        part = site.passphrase.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(32))
        part.rename(site.passphrase)


def write_settings(site: Site) -> Path:
    """Write the stack file for this site and return the project directory the engine is to run in."""
    project = site.directory / "project"
    (site.directory / "backend").mkdir(parents=True, exist_ok=True)
    extra = os.environ.get("COFFEA_CASA_OVERRIDES")
    texts = [json.dumps(overrides(site)), *([str(Path(extra).resolve())] if extra else [])]
    command = [venv.directory() / "bin" / "python", "-m", "local.stackfile", project, STACK, *texts]
    run("writing the stack's settings", command, log("stack"), cwd=ROOT)
    return project


def exists(site: Site) -> bool:
    """Tell whether the stack is in the backend."""
    return any(site.directory.glob(f"backend/.pulumi/stacks/*/{STACK}.json"))


def make(site: Site) -> None:
    """Make the stack, empty."""
    make_passphrase(site)
    project = write_settings(site)
    if not exists(site):
        command = ["pulumi", "stack", "init", STACK, "--secrets-provider", "passphrase", "--non-interactive"]
        run("making the stack", command, log("stack"), env=environment(site), cwd=project)


def unlock(site: Site) -> None:
    """Take away the lock of an engine that ended without letting go of it (a crash, a reboot)."""
    for lock in site.directory.glob("backend/.pulumi/locks/organization/*/*/*.json"):
        holder = json.loads(lock.read_text()).get("pid")
        if holder and not Path(f"/proc/{holder}").exists():
            lock.unlink()


def up(site: Site) -> None:
    """Bring the facility to what the settings say."""
    project = write_settings(site)
    unlock(site)
    file = log("pulumi")
    file.unlink(missing_ok=True)
    command = [
        "pulumi",
        "up",
        "--stack",
        STACK,
        "--yes",
        "--skip-preview",
        "--non-interactive",
        "--color=never",
    ]
    remedy = "mend what the log says and run the same command again; it goes on from there"
    run("pulumi up", command, file, env=environment(site), cwd=project, remedy=remedy)
    print(summary(file.read_text()))


def summary(told: str) -> str:
    """Return the lines under the last "Resources:" of what the engine told, which count what it did."""
    lines = told.rpartition("Resources:\n")[2].partition("\n\n")[0].splitlines()
    return "    " + ", ".join(line.strip() for line in lines)


def pulumi(site: Site, arguments: Sequence[str]) -> int:
    """Run any engine command on the stack, on the caller's terminal; return its status."""
    project = write_settings(site)
    unlock(site)
    arguments = policy_pack.resolved(arguments)
    named = any(word in ("-s", "--stack") or word.startswith("--stack=") for word in arguments)
    # Commands that know no stack (version, plugin) get none.
    knows = arguments[:1] and arguments[0] in KNOW_STACKS and not named
    return subprocess.run(
        ["pulumi", *arguments, *(["--stack", STACK] if knows else [])],
        env={**os.environ, **environment(site, policed="--policy-pack" in arguments)},
        cwd=project,
    ).returncode


def shell(site: Site, command: Sequence[str]) -> int:
    """Run a command, else the caller's shell, that finds pulumi, kubectl and the stack; return its status."""
    programs = environment(site)
    if not site.context:
        programs["PATH"] = f"{modules.directory('kubernetes')}:{programs['PATH']}"
    words = command or [os.environ.get("SHELL", "bash")]
    return subprocess.run(words, env={**os.environ, **programs}, cwd=write_settings(site)).returncode


KNOW_STACKS = (
    "up",
    "preview",
    "destroy",
    "refresh",
    "config",
    "stack",
    "state",
    "cancel",
    "import",
    "watch",
    "logs",
)


def setting(site: Site, name: str) -> str | None:
    """Return one setting of the stack file, such as ``images.registry``, or None where it is not there."""
    command = ["pulumi", "config", "get", "--path", f"coffea-casa:{name}", "--stack", STACK]
    told = answer(["env", "-C", write_settings(site), *command], env=environment(site))
    return told and told.strip()


def output(site: Site, name: str) -> str:
    """Return an output of the stack, secret or not."""
    command = ["pulumi", "stack", "output", name, "--show-secrets", "--stack", STACK, "--non-interactive"]
    told = answer(["env", "-C", site.directory / "project", *command], env=environment(site))
    if told is None:
        raise StepError(f"the stack has no output {name}: run `make up` first")
    return told.strip()
