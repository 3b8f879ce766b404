"""The tables that measurements print: minimum, median and maximum of some runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def title(text: str) -> str:
    """Return the first line; ``text`` says what the figures are, with their unit."""
    return f"{text:44}{'minimum':>10}{'median':>10}{'maximum':>10}"


def row(name: str, values: Sequence[float], digits: int = 0) -> str:
    """Return one line."""
    figures = (min(values), statistics.median(values), max(values))
    return f"{name:44}" + "".join(f"{figure:10.{digits}f}" for figure in figures)
