"""Settings of run-time programs: dataclasses with the keys that stack files have."""

from __future__ import annotations

from collections.abc import Mapping

from settings.names import camel as camel_name


def camel(values: Mapping[str, object]) -> dict[str, object]:
    """Return ``values`` with ``snake_case`` keys in camelCase."""
    return {camel_name(key): value for key, value in values.items()}
