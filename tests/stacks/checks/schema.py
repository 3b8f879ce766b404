"""Objects are what Kubernetes' own OpenAPI documents say they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from unittest import mock

import kubernetes_validate
from kubernetes_validate import utils

from tools.recording import Resource

VERSION = "1.34"
_read = cache(utils.schema_contents)


def invalid(resources: Sequence[Resource]) -> list[str]:
    """Return objects with fields or values that Kubernetes does not know."""
    problems: list[str] = []
    # The library reads its one large file of definitions anew for every object.
    with mock.patch.object(utils, "schema_contents", _read):
        for resource in resources:
            if not resource.kubernetes:
                continue
            manifest: dict[str, Any] = resource.manifest
            try:
                kubernetes_validate.validate(manifest, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                problems.append(f"{resource.kind} {resource.metadata_name}: {where}: {error.message}")
            except utils.SchemaNotFoundError as error:
                problems.append(f"{resource.kind} {resource.metadata_name}: {error.message}")
    return problems
