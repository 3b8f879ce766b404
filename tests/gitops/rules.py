"""What the GitOps examples keep to: pure functions from parsed files to a list of problems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema
import kubernetes_validate
from kubernetes_validate import utils

from tests.gitops.trim import CRDS
from tests.stacks.checks.schema import VERSION

Json = dict[str, Any]
OWN = ("kustomize.config.k8s.io/v1beta1",)
"""Not an object of a cluster: kustomize's own file."""


def schemas() -> dict[tuple[str, str], Json]:
    """Return (apiVersion, kind) to schema of the objects that Kubernetes itself does not know."""
    documents = [json.loads(file.read_text()) for file in CRDS.glob("*.json")]
    return {(one["apiVersion"], one["kind"]): strict(one["schema"]) for one in documents}


def strict(schema: Any) -> Any:
    """Return a CRD's schema that refuses what the API server would silently drop (Kubernetes: "pruning")."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    free = closed.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in closed
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object" and not free:
        closed["additionalProperties"] = False
    return closed


def label(item: Json) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def invalid(items: Sequence[Json]) -> list[str]:
    """Return objects that their API server would refuse, or cut."""
    known, problems = schemas(), list[str]()
    for item in items:
        if item["apiVersion"] in OWN:
            continue
        schema = known.get((item["apiVersion"], item["kind"]))
        try:
            if schema:
                jsonschema.validate(item, schema, jsonschema.Draft7Validator)
            else:
                kubernetes_validate.validate(item, VERSION, strict=True)
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
            problems.append(f"{label(item)}: {'.'.join(map(str, error.path))}: {error.message}")
        except utils.SchemaNotFoundError:
            problems.append(f"{label(item)}: nobody knows {item['apiVersion']} {item['kind']}")
    return problems


def _references(item: Json) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what an object needs, in its own namespace."""
    spec = item.get("spec", {})
    source = spec.get("sourceRef") or spec.get("fluxSource", {}).get("sourceRef")
    if source:
        yield source["kind"], source["name"]
    if spec.get("serviceAccountName"):
        yield "ServiceAccount", spec["serviceAccountName"]
    for needed in spec.get("prerequisites", []):
        yield "Stack", needed["name"]


def unresolved(items: Sequence[Json], stacks: Sequence[str]) -> list[str]:
    """Return references to what is not there: sources, accounts, other stacks, stack files."""
    there = {(i["kind"], i["metadata"].get("namespace"), i["metadata"]["name"]) for i in _objects(items)}
    problems: list[str] = []
    for item in _objects(items):
        namespace = item["metadata"].get("namespace")
        for kind, name in _references(item):
            if (kind, namespace, name) not in there:
                problems.append(f"{label(item)} needs {kind} {name}")
        if item["kind"] == "Stack" and item["spec"]["stack"].split("/")[-1] not in stacks:
            problems.append(f"{label(item)} has no stack file")
        if item["kind"] == "Stack" and ("RoleBinding", item["metadata"]["name"], "deployer") not in there:
            problems.append(f"{label(item)} may not deploy into its namespace")
    return problems


def told(items: Sequence[Json]) -> list[str]:
    """Return secrets that are written down instead of named, and Stacks that would take data with them."""
    problems: list[str] = []
    for item in _objects(items):
        if item["kind"] == "Secret":
            problems.append(f"{label(item)} is in the repository")
        if item["kind"] != "Stack":
            continue
        spec = item["spec"]
        for name, reference in {**spec.get("envRefs", {}), **spec.get("secretsRef", {})}.items():
            if reference.get("type") != "Secret" or set(reference) != {"type", "secret"}:
                problems.append(f"{label(item)}: {name} is not taken from a Secret")
        problems += [f"{label(item)} has {key}" for key in ("secrets", "gitAuth", "config") if key in spec]
        if spec.get("destroyOnFinalize", False):
            problems.append(f"{label(item)} would destroy the facility")
    return problems


def _objects(items: Sequence[Json]) -> list[Json]:
    return [item for item in items if item["apiVersion"] not in OWN]
