"""What the guides tell their readers to type, and what they name, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "operator").glob("*.md")),
)

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a guide."""

    heading: str
    """The last heading before it."""
    language: str
    text: str


def blocks(guide: str) -> list[Block]:
    """Return the fenced blocks of a guide's text, without their indentation."""
    found: list[Block] = []
    for match in FENCE.finditer(guide):
        headings = HEADING.findall(FENCE.sub("", guide[: match.start()]))
        indent = match["indent"]
        text = "\n".join(line.removeprefix(indent) for line in match["text"].splitlines())
        found.append(Block(headings[-1] if headings else "", match["language"], text))
    return found


def under(guide: Path, heading: str, language: str) -> list[str]:
    """Return the texts of the blocks under one heading; raise LookupError where there is none."""
    texts = [b.text for b in blocks(guide.read_text()) if (b.heading, b.language) == (heading, language)]
    if not texts:
        raise LookupError(f'{guide.name} has no {language} under "{heading}"')
    return texts


def commands(block: str) -> list[str]:
    """Return what stands behind the prompts of a console block, without trailing comments."""
    typed = [line[2:] for line in block.splitlines() if line.startswith(("$ ", "# "))]
    return [re.sub(r"\s+# .*$", "", line).strip() for line in typed]


def prose(guide: str) -> str:
    """Return a guide's text without its blocks."""
    return FENCE.sub("", guide)


def spans(guide: str) -> list[str]:
    """Return what stands in `code` in the prose."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(guide))]


def anchors(guide: str) -> set[str]:
    """Return the anchors of a guide's headings, as GitHub makes them."""
    made: set[str] = set()
    for heading in HEADING.findall(prose(guide)):
        plain = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
        made.add(plain.strip().replace(" ", "-"))
    return made
