"""Has the engine preview every scenario: ``make previews``.

    python -m tests.engine.previews.recorder [NAME...]

The stack is brought up with a provider that writes YAML files in place of calling a
cluster, so an engine is all that is needed. What is kept in tests/previews/NAME.json is
the engine's answer, less what a review never looks at and what changes from run to run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local import engine, policy_pack
from local.paths import ROOT
from local.stackfile import overlay
from tests.engine.previews.scenarios import SCENARIOS, Scenario, Tree

KEPT = ROOT / "tests" / "previews"
PARTS = ("settings", "components", "services", "images", "local", "requirements", "Pulumi.yaml")
"""What the program reads; the last three give images their tags and the project its name."""
HERE = Path(__file__).parent
OF_A_STEP = ("op", "urn", "oldState", "newState", "diffReasons", "replaceReasons", "detailedDiff")
OF_A_STATE = ("type", "inputs", "protect", "retainOnDelete")


@dataclass(frozen=True)
class Bench:
    """A directory with a copy of the program, a backend and the engine's environment."""

    directory: Path
    checkout: Path = ROOT
    """Whose program and stack files it copies."""

    @property
    def project(self) -> Path:
        return self.directory / "project"

    @property
    def environment(self) -> dict[str, str]:
        more = {
            "PULUMI_BACKEND_URL": f"file://{self.directory}/backend",
            "PULUMI_CONFIG_PASSPHRASE": "of a recording",
            "PULUMI_CONFIG_PASSPHRASE_FILE": "",
            "RENDER_TO": str(self.directory / "rendered"),
            # No kubeconfig of this machine's user may be found.
            "HOME": str(self.directory),
        }
        return {
            **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
            **engine.environment(more, first=[*policy_pack.path(), Path(sys.executable).parent]),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def call(self, *arguments: str, may_fail: bool = False) -> str:
        """Run a command of the engine and return what it tells."""
        done = self.run(*arguments)
        if done.returncode and not may_fail:
            raise SystemExit(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def lay_program(self, scenario: Scenario, *, changed: bool) -> None:
        """Copy the program, with the scenario's edits if it is to be ``changed``."""
        self.project.mkdir(exist_ok=True)
        for part in PARTS:
            source, target = self.checkout / part, self.project / part
            if source.is_dir():
                shutil.copytree(
                    source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copyfile(source, target)
        shutil.copyfile(self.checkout / "__main__.py", self.project / "facility.py")
        shutil.copyfile(HERE / "program.py", self.project / "__main__.py")
        for file, old, new in scenario.edits if changed else ():
            text = (self.project / file).read_text()
            if old not in text:
                raise SystemExit(f"{file} has no {old!r} any more: mend scenarios.py")
            (self.project / file).write_text(text.replace(old, new, 1))

    def lay_settings(self, scenario: Scenario, *, changed: bool) -> None:
        """Write the stack file; the engine's own lines in it (the salt) stay."""
        name = f"Pulumi.{scenario.stack}.yaml"
        config = yaml.safe_load((self.checkout / name).read_text())["config"]
        for tree in (scenario.before, *([scenario.after] if changed else [])):
            config = {key: value for key, value in overlay(config, tree).items() if value is not None}
        file = self.project / name
        own = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**(own or {}), "config": config}, sort_keys=False))
        for key, values in scenario.secrets.items():
            self.call("config", "set", "--secret", key, values[changed], "--stack", scenario.stack)

    def deploy(self, scenario: Scenario) -> None:
        """Bring up what is there before the request."""
        (self.directory / "backend").mkdir(parents=True)
        self.lay_program(scenario, changed=False)
        self.call("stack", "init", scenario.stack, "--secrets-provider", "passphrase")
        self.lay_settings(scenario, changed=False)
        if scenario.deployed:
            self.call("up", "--yes", "--skip-preview", "--stack", scenario.stack)

    def preview(self, scenario: Scenario) -> Mapping[str, Any]:
        """Return what the engine tells of the request."""
        self.lay_program(scenario, changed=True)
        self.lay_settings(scenario, changed=True)
        told = self.call("preview", "--json", "--suppress-progress", "--stack", scenario.stack, may_fail=True)
        return json.loads(told[told.index("{") :])


def trimmed(told: Mapping[str, Any], directory: str) -> Tree:
    """Return an answer of the engine without what a review never looks at and this machine's paths."""
    steps = [{key: step[key] for key in OF_A_STEP if key in step} for step in told.get("steps", [])]
    for step in steps:
        for state in ("oldState", "newState"):
            if state in step:
                kept = {key: step[state][key] for key in OF_A_STATE if key in step[state]}
                step[state] = kept if step["op"] != "same" else {**kept, "inputs": {}}
        # The recording's own setting of the provider.
        for state in (step.get("oldState", {}), step.get("newState", {})):
            state.get("inputs", {}).pop("renderYamlToDirectory", None)
    # Where this machine's plugins are, and that the recording writes Secrets into files.
    noise = ("from $PATH at", "rendered YAML will contain a secret")
    told_of = [d for d in told.get("diagnostics", []) if not any(text in d["message"] for text in noise)]
    kept = {"steps": steps, "diagnostics": told_of, "changeSummary": told.get("changeSummary", {})}
    text = json.dumps(kept, sort_keys=True)
    return json.loads(text.replace(directory, "").replace(str(ROOT), ""))


def written(told: Tree) -> str:
    """Return a kept answer as JSON with one step a line, so that a diff of it can be read."""
    lines = {
        key: [json.dumps(item, sort_keys=True) for item in told[key]] for key in ("diagnostics", "steps")
    }
    parts = [f'"{key}": [\n' + ",\n".join(items) + "\n]" for key, items in lines.items()]
    return "{\n" + ",\n".join([f'"changeSummary": {json.dumps(told["changeSummary"])}', *parts]) + "\n}\n"


def record(names: list[str], kept: Path = KEPT) -> None:
    """Preview the scenarios of these names, all if there are none; like beginnings are made once."""
    made: dict[str, Path] = {}
    kept.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or list(SCENARIOS):
            scenario = SCENARIOS[name]
            old = {key: values[0] for key, values in scenario.secrets.items()}
            beginning = json.dumps([scenario.stack, scenario.deployed, scenario.before, old])
            # One path for all, since the engine keeps it in the stack.
            bench = Bench(Path(scratch) / "bench")
            shutil.rmtree(bench.directory, ignore_errors=True)
            if beginning not in made:
                bench.deploy(scenario)
                made[beginning] = Path(scratch) / f"beginning-{len(made)}"
                shutil.copytree(bench.directory, made[beginning], symlinks=True)
            else:
                shutil.copytree(made[beginning], bench.directory, symlinks=True)
            told = trimmed(bench.preview(scenario), str(bench.directory))
            (kept / f"{name}.json").write_text(written(told))
            print(f"{name}: {told.get('changeSummary')}", flush=True)


if __name__ == "__main__":
    engine.get()
    record(sys.argv[1:])
