"""Kubernetes quantities of memory and storage (API reference: resource.Quantity)."""

from __future__ import annotations

import re

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_PATTERN = re.compile(r"([1-9][0-9]*)(Ki|Mi|Gi|Ti)")


def bytes_of(quantity: str) -> int:
    """Return the bytes of a quantity with a binary suffix, such as "512Mi" or "2Gi".

    Raises ValueError for any other form: "2G" and "2" mean something else to
    Kubernetes than what their writer usually had in mind.
    """
    match = _PATTERN.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity such as 512Mi or 2Gi")
    return int(match[1]) * _UNITS[match[2]]
