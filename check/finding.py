"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "FAILED", "not applicable"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    verdict: Verdict
    text: str
    remedy: str = ""
    """What to do; with FAILED always."""

    def __str__(self) -> str:
        remedy = f"; to do: {self.remedy}" if self.remedy else ""
        # One line, whatever a server or a library wrote.
        told = " ".join(f"{self.text}{remedy}".split())
        return f"{self.name:<16} {self.verdict:<14}  {told}"


def ok(name: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(name, "ok", text)


def failed(name: str, text: str, remedy: str) -> Finding:
    """Return that an `up` would not lead to a facility that works."""
    return Finding(name, "FAILED", text, remedy)


def not_applicable(name: str, why: str) -> Finding:
    """Return that there is nothing to check, or nobody who may."""
    return Finding(name, "not applicable", why)
