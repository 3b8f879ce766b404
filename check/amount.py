"""Kubernetes' amounts of cores, bytes and objects, as its API writes them."""

from __future__ import annotations

import re

_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1,
    **{letter: 1000.0**power for power, letter in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate(("K", "M", "G", "T", "P", "E"), 1)},
}
"""Kubernetes API conventions, "Quantity": suffixes."""


def amount(text: str) -> float:
    """Return a quantity such as 250m, 16Gi or 1e3 as a number. Raises ValueError."""
    match = re.fullmatch(r"([0-9.]+(?:[eE][-+]?[0-9]+)?)([A-Za-z]*)", text)
    if not match or match[2] not in _FACTORS:
        raise ValueError(f"{text!r} is no quantity")
    return float(match[1]) * _FACTORS[match[2]]
