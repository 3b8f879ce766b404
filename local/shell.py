"""Runs other programs: output to a log or back to the caller, and a failure that says what to read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class StepError(Exception):
    """A step failed; the message says what failed, where its log is and what to do."""


def tail(log: Path, lines: int = 12) -> str:
    """Return the end of a log, long lines cut."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(line[:200] for line in text.splitlines()[-lines:])


def run(
    what: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    remedy: str = "mend what the log says and run the same command again",
) -> None:
    """Run a command with its output added to the log; raise StepError if it fails."""
    words = [str(word) for word in command]
    with log.open("a") as output:
        print(f"$ {' '.join(words)}", file=output, flush=True)
        try:
            status = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                cwd=cwd,
            ).returncode
        except FileNotFoundError:
            raise StepError(f"{what}: there is no program {words[0]}; install it and try again") from None
    if status:
        raise StepError(
            f"{what} failed (status {status}).\nIts log is {log}, which ends:\n{tail(log)}\nTo do: {remedy}."
        )


def answer(
    command: Sequence[str | Path], *, stdin: str = "", env: Mapping[str, str] | None = None
) -> str | None:
    """Return what a command prints on its standard output, or None where it fails or is missing."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
