"""A stack of the program beside this file, on a file backend of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.paths import ROOT
from local.plugins import server

PROGRAM = Path(__file__).parent / "program"
STAND_INS = Path(server.__file__).parent / "bin"
COLOURLESS = ["--non-interactive", "--color=never"]


@dataclass(frozen=True)
class Stack:
    """The engine's command line for one stack."""

    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        # Stand-ins come first, also where the official plugins are: they are what is tested here.
        places = [str(Path(sys.executable).parent), str(STAND_INS), os.environ["PATH"]]
        return {
            **os.environ,
            "PATH": ":".join(places),
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(self.directory / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.directory}/backend",
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_CONFIG_PASSPHRASE_FILE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine, its two outputs in one."""
        return subprocess.run(
            ["pulumi", *arguments],
            cwd=self.directory / "program",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed and return what it tells."""
        done = self.call(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self, **settings: Any) -> str:
        """Bring the stack to ``settings``, and no others."""
        self.configure(**settings)
        return self.run("up", "--yes", "--skip-preview", *COLOURLESS)

    def configure(self, **settings: Any) -> None:
        file = self.directory / "program" / "Pulumi.test.yaml"
        salt = next(line for line in file.read_text().splitlines() if line.startswith("encryptionsalt"))
        config = {f"plugins:{name}": value for name, value in settings.items()}
        file.write_text(f"{salt}\nconfig: {json.dumps(config)}\n")

    def outputs(self) -> dict[str, str]:
        return json.loads(self.run("stack", "output", "--json", "--show-secrets"))

    def steps(self) -> dict[str, str]:
        """Return what a preview would do: resource name to operation."""
        told = self.run("preview", "--json", "--suppress-progress")
        steps = json.loads(told[told.index("{") :])["steps"]
        return {step["urn"].rsplit("::", 1)[-1]: step["op"] for step in steps if step["op"] != "same"}

    def state(self) -> str:
        (file,) = self.directory.glob("backend/.pulumi/stacks/*/test.json")
        return file.read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    if not shutil.which("pulumi") or not shutil.which("pulumi-language-python"):
        pytest.fail("no pulumi with its Python language host on PATH: run these tests with `make e2e`")
    directory = tmp_path_factory.mktemp("plugins")
    (directory / "backend").mkdir()
    shutil.copytree(PROGRAM, directory / "program")
    made = Stack(directory)
    made.run("stack", "init", "test", "--secrets-provider", "passphrase")
    return made
