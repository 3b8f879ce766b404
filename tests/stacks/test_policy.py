"""Every stack keeps to the policy, with its first `up` and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policy.rules import RULES, breaches
from tests import harness
from tests.harness import edited
from tests.stacks.checks.hardening import subject
from tools.recording import Recorded


@pytest.mark.parametrize("preview", [False, True])
def test_a_stack_keeps_to_the_policy(stack: str, preview: bool) -> None:
    recorded = harness.recorded(stack, preview=preview)
    assert breaches(subject(resource) for resource in recorded.resources) == []


def run_as_root(inputs: Any) -> None:
    inputs["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] = False


def spill(inputs: Any) -> None:
    inputs["data"]["key.pem"] = "-----BEGIN EC PRIVATE " + "KEY-----"


def let_everybody_in(inputs: Any) -> None:
    inputs["data"]["settings.json"] = inputs["data"]["settings.json"].replace(
        '"everyone": false', '"everyone": true'
    )


def widen(inputs: Any) -> None:
    inputs["kind"] = "ClusterRole"


@pytest.mark.parametrize(
    ("kind", "name", "edit", "rule"),
    [
        ("Deployment", "hub", run_as_root, "no-privileged-pods"),
        ("ConfigMap", "facility-ca", spill, "no-secret-in-the-open"),
        ("ConfigMap", "hub-config", let_everybody_in, "closed-log-in"),
        ("Role", "hub", widen, "no-cluster-rights"),
    ],
)
def test_a_stack_that_does_not_is_noticed(
    opendata: Recorded, kind: str, name: str, edit: Any, rule: str
) -> None:
    found = breaches(map(subject, edited(opendata.resources, kind, name, edit)))
    assert len(found) == 1 and found[0].endswith(f"({rule})") and rule in RULES


def test_a_stack_that_forgets_to_protect_is_noticed(opendata: Recorded) -> None:
    forgotten = [replace(resource, protect=False) for resource in opendata.resources]
    assert len(breaches(map(subject, forgotten))) >= 8
