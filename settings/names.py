"""Names of keys: snake_case in Python, camelCase in stack files."""

from __future__ import annotations


def camel(name: str) -> str:
    """Return ``name`` in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
