"""The comment on a pull request: what a reviewer must know first, then every resource."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from review.change import Change
from review.difference import ABSENT, Difference, differences
from review.effects import effects, holds_data, images
from review.limit import GITHUB, Piece, fit
from review.preview import Preview
from review.words import code, counted, fenced, listed, row, value

VERBS = {
    "create": "made",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "forget": "forgotten",
    "import": "taken over",
}
MOST_EFFECTS, MOST_LOSSES, MOST_IMAGES = 25, 30, 20
"""Lines of each part of the summary; the details have the rest."""
MOST_ROWS, MOST_NEW, MOST_LINES = 60, 25, 120
"""Rows of a changed and of a new resource, and lines of a text, that are shown."""
NOISE = ("checksum/",)
"""Properties that follow from others: they are counted, not shown."""
DULL = (
    "apiVersion",
    "kind",
    "metadata.labels",
    "metadata.namespace",
    "metadata.name",
    "spec.selector.matchLabels",
    "spec.template.metadata.labels",
    "spec.revisionHistoryLimit",
    "Probe.",
    "imagePullPolicy",
    "checksum/",
)
"""Parts of the paths of a new resource that its reviewer does not read."""


def marker(stack: str) -> str:
    """Return the hidden line by which a later run finds its comment again."""
    return f"<!-- coffea-casa preview of {stack} -->"


def comment(
    stack: str,
    preview: Preview,
    violations: Sequence[str] = (),
    *,
    source: str = "",
    limit: int = GITHUB,
    subject: str = "Preview",
) -> str:
    """Return a preview as Markdown of at most ``limit`` bytes.

    ``violations`` are what the policy says of it, ``source`` a sentence on where it comes from,
    ``subject`` what it is called.
    """
    head = [marker(stack), _title(f"{subject} of {code(stack)}", preview)]
    if source:
        head.append(f"<sub>{source}</sub>")
    if not preview.changes and not preview.failures:
        head.append("Nothing changes: users notice nothing.")
    summary = {
        "failure": _failures(preview.failures),
        "policy": _violations(violations),
        "what users notice": _effects(preview) if preview.changes else "",
        "replaced or deleted": _losses(preview.changes) if preview.changes else "",
        "images": _images(preview.changes),
        "warnings": _warnings(preview.warnings),
    }
    pieces = [Piece(text, name) for name, text in summary.items() if text]
    details = [_details(change) for change in _ordered(preview.changes)]
    if details:
        pieces.append(Piece("### Details", "title of the details"))
    return fit("\n\n".join(head), [*pieces, *details], limit)


def _ordered(changes: Sequence[Change]) -> list[Change]:
    """Return changes in the order a reviewer wants them: losses first, what is new last."""
    order = {"delete": 0, "replace": 0, "forget": 1, "update": 2, "import": 3, "create": 4}

    def rank(change: Change) -> tuple[object, ...]:
        return (
            order.get(change.operation, 2),
            not change.protected,
            not holds_data(change),
            change.kind,
            change.object_name,
        )

    return sorted(changes, key=rank)


def _title(subject: str, preview: Preview) -> str:
    counts = Counter(VERBS.get(change.operation, change.operation) for change in preview.changes)
    parts = [f"{number} {verb}" for verb, number in sorted(counts.items())]
    told = ", ".join(parts) if parts else "no changes"
    if preview.failures:
        told = "the preview **failed**" + (f" after: {told}" if parts else "")
    same = f", {preview.unchanged} unchanged" if preview.unchanged else ""
    return f"## {subject}: {told}{same}"


def _failures(failures: Sequence[str]) -> str:
    if not failures:
        return ""
    text = "\n\n".join(failures)
    lines = [line[:300] for line in text.splitlines()]
    if len(lines) > 60:
        lines = [*lines[:30], f"... {len(lines) - 60} lines ...", *lines[-30:]]
    return "### :x: It failed\n\nAn update would fail the same way.\n\n" + fenced("\n".join(lines), "text")


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    shown = listed([text if len(text) < 300 else f"{text[:300]}…" for text in warnings])
    return f"{counted(len(warnings), 'warning')} of the engine: {shown}."


def _violations(violations: Sequence[str]) -> str:
    if not violations:
        return ""
    lines = [f"- {code(text[:500])}" for text in violations[:MOST_LOSSES]]
    if len(violations) > MOST_LOSSES:
        lines.append(f"- … and {len(violations) - MOST_LOSSES} more.")
    title = f"### :no_entry: {counted(len(violations), 'breach', 'breaches')} of the policy"
    return "\n".join([title, "", *lines])


def _effects(preview: Preview) -> str:
    found = effects(preview.changes)
    title = "### What users would notice" if preview.failures else "### What users notice"
    if not found:
        return f"{title}\n\nNothing."
    lines = [f"- {effect.text}" for effect in found[:MOST_EFFECTS]]
    if len(found) > MOST_EFFECTS:
        lines.append(f"- … and {len(found) - MOST_EFFECTS} smaller ones.")
    return "\n".join([title, "", *lines])


def _losses(changes: Sequence[Change]) -> str:
    going = [change for change in _ordered(changes) if change.operation in ("delete", "replace", "forget")]
    if not going:
        return "### Replaced or deleted\n\nNothing."
    rows = [row("object", "", "why", "it is"), row("---", "---", "---", "---")]
    for change in going[:MOST_LOSSES]:
        why = (
            listed(list(change.forcing)) if change.forcing else "not in the program" if not change.new else ""
        )
        is_ = [
            *(["**protected**: the engine refuses"] if change.protected else []),
            *(["kept in the cluster"] if change.retained else []),
            *(["data or identity"] if holds_data(change) else []),
        ]
        rows.append(row(code(change.label), VERBS[change.operation], why, ", ".join(is_)))
    if len(going) > MOST_LOSSES:
        rows.append(row(f"… and {len(going) - MOST_LOSSES} more", "", "", ""))
    return "\n".join(["### Replaced or deleted", "", *rows])


def _images(changes: Sequence[Change]) -> str:
    found = images(changes)
    if not found:
        return ""
    rows = [row("of", "image", "becomes"), row("---", "---", "---")]
    rows += [row(code(where), code(old), code(new)) for where, old, new in found[:MOST_IMAGES]]
    if len(found) > MOST_IMAGES:
        rows.append(row(f"… and {len(found) - MOST_IMAGES} more", "", ""))
    return "\n".join(["### Images", "", *rows])


def _details(change: Change) -> Piece:
    verb = VERBS.get(change.operation, change.operation)
    title = f"{code(change.label)} is {verb}"
    body = _body(change)
    if not body:
        return Piece(f"- {title}", change.label)
    # GitHub shows no Markdown in a summary, and needs the empty line after it.
    summary = f"<details><summary><code>{_escaped(change.label)}</code> is {verb}</summary>"
    return Piece(f"{summary}\n\n{body}\n\n</details>", change.label, short=f"- {title} (details cut)")


def _body(change: Change) -> str:
    if not change.new:
        return ""
    if not change.old:
        return _new(change)
    found = list(differences(change.old, change.new))
    follows = [one for one in found if any(noise in one.path for noise in NOISE)]
    told = [one for one in found if one not in follows]
    parts = [_table([one for one in told if not _of_lines(one)])]
    parts += [_lines(one) for one in told if _of_lines(one)]
    hidden = _hidden(change, found)
    if hidden:
        parts.append(f"Secret values that differ: {listed(hidden)}.")
    if follows and not told and not hidden:
        parts.append("Its pods restart, because what they mount changes (checksum).")
    return "\n\n".join(part for part in parts if part)


def _hidden(change: Change, found: Sequence[Difference]) -> list[str]:
    """Return the paths the engine says differ though nothing of it can be seen: secrets."""
    if found and change.kind != "Secret":
        return []
    return [path for path in change.touched if not any(one.path.startswith(path) for one in found)]


def _of_lines(one: Difference) -> bool:
    texts = [text for text in (one.old, one.new) if text is not ABSENT]
    return all(isinstance(text, str) for text in texts) and any("\n" in text for text in texts)


def _table(found: Sequence[Difference]) -> str:
    if not found:
        return ""
    rows = [row("property", "is", "becomes"), row("---", "---", "---")]
    rows += [row(code(one.path or "(all)"), value(one.old), value(one.new)) for one in found[:MOST_ROWS]]
    if len(found) > MOST_ROWS:
        rows.append(row(f"… and {len(found) - MOST_ROWS} more", "", ""))
    return "\n".join(rows)


def _lines(one: Difference) -> str:
    old = [] if one.old is ABSENT else str(one.old).splitlines()
    new = [] if one.new is ABSENT else str(one.new).splitlines()
    lines = [line[:500] for line in difflib.unified_diff(old, new, lineterm="", n=2)][2:]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"# ... {len(lines) - MOST_LINES} more lines"]
    return f"{code(one.path)}:\n\n" + fenced("\n".join(lines), "diff")


def _new(change: Change) -> str:
    """Return the few properties of a new object that a reviewer looks for."""
    found = [one for one in differences({}, change.new) if one.new is not ABSENT]
    flat = [one for top in found for one in _flat(top.path, top.new)]
    wanted = [one for one in flat if not any(dull in one.path for dull in DULL)]
    if not wanted:
        return ""
    rows = [row("property", "value"), row("---", "---")]
    rows += [row(code(one.path), value(one.new)) for one in wanted[:MOST_NEW]]
    if len(wanted) > MOST_NEW:
        rows.append(row(f"… and {len(wanted) - MOST_NEW} more", ""))
    return "\n".join(rows)


def _flat(path: str, given: Any) -> list[Difference]:
    """Return the leaves of a value; a list of plain values is one."""
    if isinstance(given, list) and not any(
        isinstance(item, Mapping | list) for item in cast("list[Any]", given)
    ):
        return [Difference(path, ABSENT, given)]
    if isinstance(given, Mapping) and given or isinstance(given, list) and given:
        empty: Any = {} if isinstance(given, Mapping) else []
        return [leaf for one in differences(empty, given, path) for leaf in _flat(one.path, one.new)]
    return [Difference(path, ABSENT, given)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
