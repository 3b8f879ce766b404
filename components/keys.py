"""Python's field names, as the settings files of run-time programs spell them."""

from __future__ import annotations

from collections.abc import Mapping


def camel(values: Mapping[str, object]) -> dict[str, object]:
    """Return ``values`` with ``snake_case`` keys in camelCase."""

    def name(key: str) -> str:
        head, *rest = key.split("_")
        return head + "".join(word.capitalize() for word in rest)

    return {name(key): value for key, value in values.items()}
