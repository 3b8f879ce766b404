"""Fits a comment into what GitHub takes, in whole pieces: no table or block of code is ever cut open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from review.words import counted, listed

GITHUB = 65_536
"""Longest body of a comment or issue (GitHub says "body is too long (maximum is 65536 characters)").
Counted here in bytes of UTF-8, which are never fewer than characters."""
SUMMARY = 1_048_576
"""Longest summary of a workflow's step, in bytes (GitHub: workflow commands, "Job summaries")."""


@dataclass(frozen=True)
class Piece:
    """Markdown that makes sense by itself, and what to say of it where it has no room."""

    text: str
    name: str
    short: str = ""
    """What is shown in its place where the whole has no room; empty for nothing."""


def size(text: str) -> int:
    """Return the bytes of a text."""
    return len(text.encode())


def fit(head: str, pieces: Sequence[Piece], limit: int = GITHUB) -> str:
    """Return the head and as many pieces as there is room for, in their order, and which were left out.

    Raises ValueError for a head without room for a single word more.
    """
    whole = "\n\n".join([head, *(piece.text for piece in pieces)]) + "\n"
    if size(whole) <= limit:
        return whole
    # Room for the sentence at its longest, whatever will be left out.
    room = (
        limit - size(head) - size(_note(sorted((piece.name for piece in pieces), key=size, reverse=True))) - 3
    )
    if room < 0:
        raise ValueError(f"the summary alone has {size(head)} bytes, of {limit} that GitHub takes")
    shown, cut = [head], list[str]()
    for piece in pieces:
        fitting = next((text for text in (piece.text, piece.short) if text and size(text) + 2 <= room), None)
        if fitting is not None:
            shown.append(fitting)
            room -= size(fitting) + 2
        if fitting != piece.text:
            cut.append(piece.name)
    return "\n\n".join([*shown, _note(cut)]) + "\n"


def _note(cut: Sequence[str]) -> str:
    names = [name if len(name) <= 100 else f"{name[:100]}…" for name in cut]
    return (
        f"**Cut to what GitHub takes.** {counted(len(cut), 'part')} left out or shortened: {listed(names)}. "
        "The whole is in the log of the job."
    )
