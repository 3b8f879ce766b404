"""The facility under test, and the programs that look at it from the operator's side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from health.account import user_path
from health.waiting import wait_for as wait_for

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = Path(__file__).with_name("overrides.yaml")
STATE = Path(os.environ.get("COFFEA_CASA_STATE") or Path.home() / ".local/state/coffea-casa")
CACHE = Path(os.environ.get("COFFEA_CASA_CACHE") or Path.home() / ".cache/coffea-casa")
STACK = "opendata"

COMPONENT = "app.kubernetes.io/component"
USER_NAME = "hub.jupyter.org/username"
"""Annotation of a session pod: the user's name as the hub knows it."""


def run(
    *command: str,
    check: bool = True,
    timeout: float = 600,
    stdin: str | None = None,
    overrides: Path = OVERRIDES,
) -> subprocess.CompletedProcess[str]:
    """Run a program in the project's root; with ``check`` a failure shows what it said.

    ``overrides`` is the file of settings that `python -m local` lays over the committed stack file.
    """
    environment = os.environ | {
        "COFFEA_CASA_OVERRIDES": str(overrides),
        "KUBECONFIG": str(STATE / "kubeconfig"),
    }
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
    return done


def pulumi(
    *arguments: str, check: bool = True, overrides: Path = OVERRIDES
) -> subprocess.CompletedProcess[str]:
    """Run pulumi on the facility's stack, as `make up` does."""
    command = [sys.executable, "-m", "local", "pulumi", "--", *arguments]
    return run(*command, check=check, timeout=1800, overrides=overrides)


def kubectl(
    *arguments: str, check: bool = True, stdin: str | None = None, namespace: str = STACK
) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the cluster's administrator, in the facility's namespace unless it is another's."""
    return run(_kubectl(), f"--namespace={namespace}", *arguments, check=check, stdin=stdin)


@cache
def _kubectl() -> str:
    """Return the kubectl that was built with the local cluster, else the machine's own."""
    built = sorted(CACHE.glob("go/kubernetes-*/kubectl"), key=lambda file: file.stat().st_mtime)
    found = str(built[-1]) if built else shutil.which("kubectl")
    assert found, "no kubectl: run `make up` first"
    return found


def objects(kind: str, *arguments: str, namespace: str = STACK) -> list[dict[str, Any]]:
    """Return the namespace's objects of a kind."""
    return json.loads(kubectl("get", kind, "--output=json", *arguments, namespace=namespace).stdout)["items"]


def pods(component: str | None = None, *, namespace: str = STACK) -> list[dict[str, Any]]:
    """Return the facility's pods that are not on their way out, of one component or all; no operator's."""
    chosen = f"{COMPONENT}={component}" if component else COMPONENT
    found = objects("pods", f"--selector={chosen}", namespace=namespace)
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def uids() -> dict[str, str]:
    """Return component to the identity of its pods; a pod that was replaced has another."""
    identities: dict[str, list[str]] = {}
    for pod in pods():
        identities.setdefault(pod["metadata"]["labels"][COMPONENT], []).append(pod["metadata"]["uid"])
    return {component: ",".join(sorted(found)) for component, found in identities.items()}


def pod_name(component: str, user: str | None = None, *, namespace: str = STACK) -> str:
    """Return the name of a component's running pod; of ``user``'s for sessions."""
    for pod in pods(component, namespace=namespace):
        annotations = pod["metadata"].get("annotations", {})
        if pod["status"]["phase"] == "Running" and user in (None, annotations.get(USER_NAME)):
            return pod["metadata"]["name"]
    raise AssertionError(f"no running {component} pod" + (f" of {user}" if user else ""))


def execute(
    pod: str, *command: str, stdin: str | None = None, namespace: str = STACK
) -> subprocess.CompletedProcess[str]:
    """Run a command in a pod; its failure is the caller's to judge."""
    given = [] if stdin is None else ["--stdin"]
    words = ("exec", "--quiet", *given, pod, "--", *command)
    return kubectl(*words, check=False, stdin=stdin, namespace=namespace)


def reaches(pod: str, host: str, port: int, *, namespace: str = STACK) -> bool:
    """Tell whether a TCP connection from a pod is accepted; the name must be known there."""
    script = f"getent hosts {host} >/dev/null || exit 42; exec 3<>/dev/tcp/{host}/{port}"
    done = execute(pod, "timeout", "5", "bash", "-c", script, namespace=namespace)
    # 1: refused (the firewall rejects); 124: no answer in 5 s (it drops).
    assert done.returncode in (0, 1, 124), f"{pod} to {host}:{port}: {done.returncode} {done.stderr}"
    return done.returncode == 0


def rollout(deployment: str, *, namespace: str = STACK) -> None:
    """Wait until a Deployment's pods are the new ones and ready."""
    kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=300s", namespace=namespace)


@dataclass(frozen=True)
class Facility:
    """What the stack's outputs tell."""

    url: str
    first_user: str
    passwords: Mapping[str, str] = field(repr=False)
    ca_certificate: str
    """PEM."""

    @property
    def ca_file(self) -> Path:
        """Return the CA's certificate as a file, for programs that want one."""
        file = STATE / "e2e-ca.pem"
        # Others may be reading it at this moment.
        if not file.is_file() or file.read_text() != self.ca_certificate:
            file.write_text(self.ca_certificate)
        return file

    def user_path(self, user: str) -> str:
        """Return the path of a user's server, with a slash at its end."""
        return user_path(user)


def facility() -> Facility:
    """Ask the stack; fails when there is none."""
    outputs = json.loads(pulumi("stack", "output", "--json", "--show-secrets").stdout)
    passwords = outputs["passwords"]
    return Facility(
        url=outputs["url"],
        first_user=outputs["firstUser"],
        passwords=json.loads(passwords) if isinstance(passwords, str) else passwords,
        ca_certificate=outputs["caCertificate"],
    )
