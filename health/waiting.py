"""Waits for what takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class WaitError(AssertionError):
    """It did not come."""


def wait_for(what: str, probe: Callable[[], T | None], seconds: float, pause: float = 1) -> T:
    """Return the first true answer of ``probe``; WaitError saying ``what`` was waited for."""
    end = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise WaitError(f"waited {seconds:.0f} s in vain: {what} (last answer: {answer!r})")
        time.sleep(pause)
