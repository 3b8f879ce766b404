"""Trims CRDs to what the tests need: ``python -m tests.gitops.trim CRD.yaml...`` writes crds/KIND.json.

Left are the schema of the version that is stored, without descriptions and status, and without what
belongs to pods: the operator's schema has a megabyte of that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parent / "crds"
OF_PODS = ("podTemplate", "serviceTemplate", "affinity", "updateTemplate")
"""Their contents may be anything."""
NOISE = ("description", "status", "x-kubernetes-list-type", "x-kubernetes-list-map-keys")


def trimmed(schema: Any) -> Any:
    """Return a schema without what the tests do not look at."""
    if isinstance(schema, list):
        return [trimmed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in NOISE or isinstance(value, bool)}
    return {key: {"type": "object"} if key in OF_PODS else trimmed(value) for key, value in kept.items()}


def main(files: list[str]) -> None:
    """Write a trimmed schema for each CRD."""
    for file in files:
        spec = yaml.load(Path(file).read_text(), yaml.CSafeLoader)["spec"]
        (stored,) = [version for version in spec["versions"] if version["storage"]]
        document = {
            "apiVersion": f"{spec['group']}/{stored['name']}",
            "kind": spec["names"]["kind"],
            "schema": trimmed(stored["schema"]["openAPIV3Schema"]),
        }
        text = json.dumps(document, sort_keys=True, indent=1) + "\n"
        (CRDS / f"{document['kind']}.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
