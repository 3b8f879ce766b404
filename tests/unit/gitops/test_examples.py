"""The GitOps examples: valid, whole, and without a secret."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml

from tests.gitops import rules
from tools.recording import ROOT
from tools.stackfiles import stacks

EXAMPLES = ROOT / "docs" / "examples" / "gitops"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
Json = dict[str, Any]


def examples() -> list[Json]:
    """Return every document of the examples."""
    return [document for file in FILES for document in yaml.safe_load_all(file.read_text())]


def spoiled(kind: str, name: str, change: Callable[[Json], object]) -> list[Json]:
    """Return the examples with one object changed; it has to be there."""
    items = deepcopy(examples())
    (found,) = [i for i in items if i["kind"] == kind and i.get("metadata", {}).get("name") == name]
    change(found)
    return items


def test_the_examples_are_what_operator_flux_and_kubernetes_know() -> None:
    assert {item["kind"] for item in examples()} >= {"Stack", "GitRepository", "Kustomization", "RoleBinding"}
    assert rules.invalid(examples()) == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "said"),
    [
        ("Stack", "unl", "bckend", "s3://x", "bckend"),
        ("Stack", "unl", "stack", 7, "spec.stack"),
        ("Stack", "unl", "fluxSource", {}, "sourceRef"),
        ("GitRepository", "facilities", "interval", "often", "interval"),
        ("GitRepository", "facilities", "verify", {"mode": "HEAD"}, "secretRef"),
        ("Kustomization", "facilities", "prune", "yes", "prune"),
        ("Kustomization", "facilities", "sourceRef", {"kind": "Folder", "name": "x"}, "Folder"),
    ],
)
def test_a_field_that_nobody_knows_or_of_another_type_is_noticed(
    kind: str, name: str, path: str, value: Any, said: str
) -> None:
    (problem,) = rules.invalid(spoiled(kind, name, lambda item: item["spec"].update({path: value})))
    assert problem.startswith(f"{kind} {name}") and said in problem


def test_an_object_of_another_version_is_noticed() -> None:
    found = spoiled("Stack", "unl", lambda item: item.update(apiVersion="pulumi.com/v9"))
    assert rules.invalid(found) == ["Stack unl: nobody knows pulumi.com/v9 Stack"]


def test_what_is_referred_to_is_there() -> None:
    assert rules.unresolved(examples(), stacks()) == []
    (kustomization,) = [i for i in examples() if i["apiVersion"] in rules.OWN]
    assert {f"{name}" for name in kustomization["resources"]} == {
        file.name for file in FILES if file.parent.name == "facilities"
    } - {"kustomization.yaml"}
    (applied,) = [i["spec"]["path"] for i in examples() if i["apiVersion"].startswith("kustomize.toolkit")]
    assert (ROOT / applied).resolve() == EXAMPLES / "facilities"


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("serviceAccountName", "nobody", "Stack unl needs ServiceAccount nobody"),
        ("prerequisites", [{"name": "atlas"}], "Stack unl needs Stack atlas"),
        ("stack", "organization/coffea-casa/elsewhere", "Stack unl has no stack file"),
    ],
)
def test_what_is_not_there_is_noticed(key: str, value: Any, problem: str) -> None:
    found = spoiled("Stack", "unl", lambda item: item["spec"].update({key: value}))
    assert rules.unresolved(found, stacks()) == [problem]


def test_a_facility_without_rights_is_noticed() -> None:
    items = [i for i in examples() if i.get("metadata", {}).get("namespace") != "unl"]
    assert rules.unresolved(items, stacks()) == ["Stack unl may not deploy into its namespace"]


def test_no_secret_is_written_down_and_no_object_takes_a_facility_with_it() -> None:
    assert rules.told(examples()) == []


LITERAL = {"type": "Literal", "literal": {"value": "open sesame"}}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"envRefs": {"PULUMI_CONFIG_PASSPHRASE": LITERAL}}, "PULUMI_CONFIG_PASSPHRASE is not taken"),
        ({"secretsRef": {"coffea-casa:clientSecret": LITERAL}}, "clientSecret is not taken"),
        ({"secrets": {"coffea-casa:clientSecret": "x"}}, "has secrets"),
        ({"destroyOnFinalize": True}, "would destroy the facility"),
    ],
)
def test_a_secret_in_clear_or_a_fatal_stack_is_noticed(change: Json, problem: str) -> None:
    (said,) = rules.told(spoiled("Stack", "unl", lambda item: item["spec"].update(change)))
    assert problem in said


def test_a_secret_object_in_the_repository_is_noticed() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "unl-oidc"},
        "stringData": {"a": "b"},
    }
    assert rules.told([*examples(), secret]) == ["Secret unl-oidc is in the repository"]
