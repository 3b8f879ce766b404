"""Values and names as Markdown that GitHub shows as they are: no mention, no tag, no table broken."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from review.change import SECRET, UNKNOWN
from review.difference import ABSENT

LONGEST = 160
"""Characters of a value that are shown in a line."""
MANY = 12
"""Names that are listed before the rest is counted."""


def code(text: str) -> str:
    """Return a code span of one line (GitHub Flavored Markdown, GFM, spec, 6.3)."""
    line = " ".join(str(text).split()) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def value(given: Any) -> str:
    """Return a value for people, cut where it is long."""
    if given is ABSENT:
        return "–"
    if given == UNKNOWN:
        return "*known after the update*"
    if given == SECRET:
        return "*secret*"
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)
    text = text.replace(UNKNOWN, "(known after the update)")
    if len(text) > LONGEST:
        return f"{code(text[:LONGEST] + '…')} ({len(text)} characters)"
    return code(text)


def listed(names: Sequence[str]) -> str:
    """Return names one after the other; of many the first and how many more."""
    rest = len(names) - MANY
    shown = ", ".join(code(name) for name in names[: MANY if rest > 0 else None])
    return f"{shown} and {rest} more" if rest > 0 else shown


def fenced(text: str, language: str = "") -> str:
    """Return a block of code that nothing inside can end (GFM spec, 4.5)."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return "1 pod" or "2 pods"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def row(*cells: str) -> str:
    """Return a line of a table; a bar ends a cell even in a code span (GFM spec, 4.10)."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
