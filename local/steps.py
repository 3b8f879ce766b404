"""Runs steps in order and tells of each its name, number and time; what is done already is skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.shell import StepError


@dataclass(frozen=True)
class Step:
    """One thing to get done."""

    title: str
    done: Callable[[], bool]
    """Tells whether there is nothing to do; must be quick and must not change anything."""
    action: Callable[[], None]


def never() -> bool:
    """Return False: for a step that finds out by itself what there is to do."""
    return False


def follow(steps: Sequence[Step], say: Callable[[str], None] = print) -> bool:
    """Take the steps in order; return False at the first that fails, having told why."""
    start = time.monotonic()
    for number, step in enumerate(steps, 1):
        begin = time.monotonic()
        label = f"[{number}/{len(steps)}] {step.title}"

        def times(begin: float = begin) -> str:
            now = time.monotonic()
            return f"{now - begin:.1f} s, {now - start:.0f} s in all"

        try:
            if step.done():
                say(f"{label}: already done ({times()})")
                continue
            say(f"{label} ...")
            step.action()
        except StepError as error:
            say(f"{label}: FAILED ({times()})\n{error}")
            return False
        say(f"{label}: done ({times()})")
    return True
