"""The workflows run pinned programs with few rights; actionlint checks the rest (``make lint``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.paths import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {file.name: file.read_text() for file in sorted(FOLDER.glob("*.y*ml"))}
WRITES = {"preview.yml": {"pull-requests"}, "drift.yml": {"issues"}}
"""What a workflow's jobs may write; what is not here writes nothing."""
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def problems(name: str, text: str) -> list[str]:
    """Return what is wrong with a workflow."""
    read: dict[Any, Any] = yaml.safe_load(text)
    # To YAML 1.1, "on" is true.
    triggers = read.get("on") or read.get(True) or {}
    found = [f"{used} is not pinned to a commit" for used in uses(text) if not PINNED.fullmatch(used)]
    if "pull_request_target" in triggers or "workflow_run" in triggers:
        found.append("runs with secrets for forks")
    if read.get("permissions") != {}:
        found.append("every job has rights by default")
    if "cancel-in-progress" not in read.get("concurrency", {}):
        found.append("may run twice at once")
    for job_name, job in read["jobs"].items():
        rights = job.get("permissions")
        if not isinstance(rights, dict):
            found.append(f"{job_name} has no rights of its own")
            rights = {}
        written = {right for right, how in rights.items() if how != "read"}
        if written - WRITES.get(name, set()):
            found.append(f"{job_name} may write {', '.join(sorted(written))}")
        if not 0 < job.get("timeout-minutes", 0) <= 90:
            found.append(f"{job_name} may run for hours")
        if "latest" in job.get("runs-on", "latest"):
            found.append(f"{job_name} runs on another machine tomorrow")
        if "secrets." in str(job) and "environment" not in job:
            found.append(f"{job_name} has secrets of no environment")
        for step in job["steps"]:
            if "${{" in step.get("run", ""):
                found.append(f"{job_name} puts text of others into a script")
            if "actions/checkout@" in step.get("uses", ""):
                kept = step.get("with", {}).get("persist-credentials")
                if kept is not False:
                    found.append(f"{job_name} leaves the token in the checkout")
    return found


def uses(text: str) -> list[str]:
    """Return what a workflow uses, with the comment behind it."""
    return [found.strip() for found in re.findall(r"^\s*(?:- )?uses:\s*(.+)$", text, re.MULTILINE)]


def test_the_four_workflows_are_there() -> None:
    assert set(WORKFLOWS) == {"check.yml", "preview.yml", "deploy.yml", "drift.yml"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_pinned_and_has_few_rights(name: str) -> None:
    assert problems(name, WORKFLOWS[name]) == []
    assert len(uses(WORKFLOWS[name])) >= 2


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda t: re.sub(r"@[0-9a-f]{40} # (v\d)\.\d\.\d", r"@\1", t, count=1), "not pinned"),
        (lambda t: re.sub(r"@([0-9a-f]{39})[0-9a-f] ", r"@\1 ", t, count=1), "not pinned"),
        (lambda t: re.sub(r" # v7\.0\.1", "", t, count=1), "not pinned"),
        (replaced("  pull_request:", "  pull_request_target:"), "for forks"),
        (replaced("permissions: {}", "permissions: write-all"), "by default"),
        (replaced("permissions: {}\n", ""), "by default"),
        (replaced("permissions:\n      contents: read\n    outputs", "outputs"), "rights of its own"),
        (replaced("contents: read", "contents: write"), "may write contents"),
        (replaced("timeout-minutes: 10", "timeout-minutes: 600"), "for hours"),
        (replaced("timeout-minutes: 10\n", "\n"), "for hours"),
        (replaced("ubuntu-24.04", "ubuntu-latest"), "tomorrow"),
        (replaced("environment: preview-${{ matrix.stack }}", "name: x"), "no environment"),
        (replaced('"$NUMBER"', "${{ github.event.pull_request.title }}"), "text of others"),
        (replaced("persist-credentials: false", "persist-credentials: true"), "leaves the token"),
        (lambda t: re.sub(r"concurrency:\n.*\n.*\n", "", t), "twice at once"),
    ],
)
def test_a_careless_workflow_is_noticed(edit: Callable[[str], str], told: str) -> None:
    found = problems("preview.yml", edit(WORKFLOWS["preview.yml"]))
    assert len(found) == 1 and told in found[0]


def test_no_secret_is_for_a_fork() -> None:
    jobs = yaml.safe_load(WORKFLOWS["preview.yml"])["jobs"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in jobs["preview"]["if"]
    assert "secrets." not in str(jobs["stacks"])
    assert "secrets." not in WORKFLOWS["check.yml"] and "github.token" not in WORKFLOWS["check.yml"]


def test_an_update_is_never_cut_short_and_waits_for_approval() -> None:
    read = yaml.safe_load(WORKFLOWS["deploy.yml"])
    job = read["jobs"]["deploy"]
    assert job["concurrency"] == {"group": "deploy-${{ matrix.stack }}", "cancel-in-progress": False}
    # A run that waits is dropped for a later one of its group, and the later may be about other stacks.
    assert read["concurrency"] == {"group": "deploy-${{ github.sha }}", "cancel-in-progress": False}
    assert read["jobs"]["deploy"]["environment"] == "deploy-${{ matrix.stack }}"


def test_the_engine_is_the_one_of_this_checkout() -> None:
    (version,) = set(
        re.findall(
            r"github.com/pulumi/pulumi/pkg/v3 v(\S+)", (ROOT / "local/modules/pulumi/go.mod").read_text()
        )
    )
    told = [found for text in WORKFLOWS.values() for found in re.findall(r"pulumi-version: (\S+)", text)]
    assert told and set(told) == {version}


@pytest.mark.parametrize("text", WORKFLOWS.values(), ids=WORKFLOWS)
def test_what_a_workflow_runs_is_in_the_checkout(text: str) -> None:
    for script in re.findall(r"\.github/scripts/\w+", text):
        assert (ROOT / script).stat().st_mode & 0o100, script
    targets = {target for line in re.findall(r"run: make (.+)", text) for target in line.split()}
    assert targets and all(f"\n{target}:" in (ROOT / "Makefile").read_text() for target in targets)


def test_a_kubeconfig_never_reaches_the_provider_s_settings() -> None:
    """The provider takes KUBECONFIG for a setting, which the state keeps in clear."""
    for text in [
        *WORKFLOWS.values(),
        *(file.read_text() for file in Path(FOLDER.parent / "scripts").iterdir()),
    ]:
        assert not re.search(r"^\s*(export )?KUBECONFIG[:=]", text, re.MULTILINE)
