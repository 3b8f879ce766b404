"""What is wrong with a stack file, said so that the operator can mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PROJECT = "coffea-casa"


@dataclass(frozen=True)
class Problem:
    """One wrong value."""

    key: str
    """Key below the project, such as ``hub.idleTimeout`` or ``session.profiles[1].memory``."""
    wrong: str
    """What is wrong, with the value (never a secret's)."""
    advice: str
    """What to write."""

    def __str__(self) -> str:
        return f"{PROJECT}:{self.key}: {self.wrong}; {self.advice}"


class SettingsError(ValueError):
    """A stack file that is refused; lists every problem at once."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"Pulumi.{stack}.yaml has {len(self.problems)} wrong setting(s):\n{lines}")
