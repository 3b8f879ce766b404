"""Takes steps one after the other, with a line and a time for each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class NotApplicableError(Exception):
    """There is nothing to do in a step; the message says why."""


@dataclass(frozen=True)
class Step:
    """One thing that must work."""

    title: str
    action: Callable[[], str]
    """Returns what to say of it. Raises what went wrong, or NotApplicableError."""


def follow(steps: Sequence[Step], last: Step, say: Callable[[str], object]) -> str | None:
    """Take the steps up to the first that fails, and then the last one in any case.

    Return the title of the first step that failed.
    """
    failing: str | None = None
    try:
        for step in steps:
            if not _take(step, say):
                failing = step.title
                break
    finally:
        # Also when somebody ends the program: what was started costs cores until it is ended.
        cleaned = _take(last, say)
    return failing or (None if cleaned else last.title)


def _take(step: Step, say: Callable[[str], object]) -> bool:
    start = time.monotonic()
    verdict, passed = "ok", True
    try:
        told = step.action()
    except NotApplicableError as reason:
        verdict, told = "not applicable", str(reason)
    except Exception as error:
        verdict, told, passed = "FAILED", reason_of(error), False
    say(f"{step.title:<24} {verdict:<14} {time.monotonic() - start:6.1f} s  {told}".rstrip())
    return passed


def reason_of(error: Exception) -> str:
    """Return the last line of what an error says, which in a traceback is the error itself."""
    # Kernels colour their tracebacks (ECMA-48, "SGR").
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return text.splitlines()[-1][:500] if text else type(error).__name__
