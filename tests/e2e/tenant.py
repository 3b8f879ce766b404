"""A second facility in the cluster of the first: a stack and a namespace of its own, and its own state.

Its program may be another release's. What a run that was killed left of it is gone on from.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from health.site import Site
from images.table import IMAGES, reference
from local import stack
from local.images import REGISTRY
from local.stackfile import link_project, overlay
from tests.e2e.facility import COMPONENT, ROOT, STATE, kubectl, objects, rollout, wait_for
from tests.e2e.server import Account

NAME = "second"
FILE = Path(__file__).with_name("second.yaml")


@dataclass(frozen=True)
class Tenant:
    """The second facility."""

    directory: Path = STATE / "tenants" / NAME

    @property
    def project(self) -> Path:
        return self.directory / "project"

    def door(self) -> Site:
        """Return where it is, and the one user whom nobody has to log in; its CA's certificate as a file."""
        found = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        file = self.directory / "ca.pem"
        file.write_text(found["caCertificate"])
        return Site(url=found["url"], ca_file=file, user=found["healthUser"], token=found["healthToken"])

    def account(self) -> Account:
        """Return that user's account."""
        door = self.door()
        return Account(door, door.user, door.token)

    def pulumi(self, *arguments: str) -> str:
        """Run a command of the engine on its stack and return what it told."""
        # The state of `make up` is another one, its passphrase and its cluster are the same.
        backend = f"file://{self.directory}/backend?metadata=skip"
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", NAME, "--non-interactive", "--color=never"],
            cwd=self.project,
            env=os.environ | stack.environment(stack.Site()) | {"PULUMI_BACKEND_URL": backend},
            capture_output=True,
            text=True,
            timeout=1800,
        )
        assert not done.returncode, f"pulumi {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def exists(self) -> bool:
        """Tell whether there is something to destroy."""
        return any(self.directory.glob(f"backend/.pulumi/stacks/*/{NAME}.json"))

    def up(self, program: Path = ROOT, **sections: Mapping[str, Any]) -> None:
        """Bring it to a program, with other settings in some sections, and wait until its hub answers."""
        (self.directory / "backend").mkdir(parents=True, exist_ok=True)
        link_project(self.project, program)
        self._write_settings({f"coffea-casa:{name}": values for name, values in sections.items()})
        if not self.exists():
            self.pulumi("stack", "init", "--secrets-provider", "passphrase")
        self.pulumi("cancel", "--yes")
        self.pulumi("up", "--yes", "--skip-preview")
        rollout("hub", namespace=NAME)
        account = self.account()

        def answers() -> bool:
            return account.request("GET", "/hub/api/").status_code == 200

        wait_for("the answer of the second hub", answers, 60)

    def _write_settings(self, sections: Mapping[str, Any]) -> None:
        file = self.project / f"Pulumi.{NAME}.yaml"
        written = yaml.safe_load(file.read_text()) if file.exists() else {}
        config = overlay(yaml.safe_load(FILE.read_text())["config"], sections)
        # The engine's own lines in it, such as the salt, stay.
        file.write_text(yaml.safe_dump({**written, "config": config}, sort_keys=False))

    def destroy(self) -> None:
        """Delete it, with all that it protects and its users' homes."""
        self.pulumi("cancel", "--yes")
        self.pulumi("state", "unprotect", "--all", "--yes")
        self.pulumi("destroy", "--yes", "--skip-preview")
        self.pulumi("stack", "rm", "--yes")
        gone = ("get", "namespace", NAME)
        wait_for("the end of the namespace", lambda: kubectl(*gone, check=False).returncode != 0, 180)


def images_of_today(program: Path) -> dict[str, Any]:
    """Return the setting that has an older program use the images that are there: old ones take an hour."""
    names = {file.parent.name for file in (program / "images").glob("*/Containerfile")} & set(IMAGES)
    return {"overrides": {name: reference(REGISTRY, name) for name in sorted(names)}}


def evidence() -> dict[str, Any]:
    """Return what an upgrade must leave alone: the hub's users, volumes, keys, the session."""
    return {
        "users": _rows("SELECT id, name, created FROM users ORDER BY id"),
        "claims": _identities("persistentvolumeclaims"),
        "session": _identities("pods", f"--selector={COMPONENT}=session"),
        "certificate": _data("configmaps", "facility-ca"),
        "signing keys": _data("secrets", "credentials-keys"),
        "cookie secret": _data("secrets", "hub-secrets")["cookie-secret"],
    }


def _identities(kind: str, *arguments: str) -> dict[str, str]:
    """Return name to uid of objects; one that was made anew has another."""
    found = objects(kind, *arguments, namespace=NAME)
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in found}


def _data(kind: str, name: str) -> dict[str, str]:
    """Return what a ConfigMap or Secret holds."""
    (found,) = [item for item in objects(kind, namespace=NAME) if item["metadata"]["name"] == name]
    return found["data"]


def _rows(query: str) -> list[list[Any]]:
    """Ask the hub's database."""
    script = (
        "import json, sqlite3, sys; "
        "database = sqlite3.connect('file:/srv/jupyterhub/jupyterhub.sqlite?mode=ro', uri=True); "
        "print(json.dumps(database.execute(sys.argv[1]).fetchall()))"
    )
    words = ("exec", "--quiet", "deployment/hub", "--", "python", "-c", script, query)
    return json.loads(kubectl(*words, namespace=NAME).stdout)
