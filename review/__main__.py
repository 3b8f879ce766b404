"""Writes and publishes reviews; the workflows call it, and so may anybody.

    python -m review stacks [--base REVISION]        which stacks a change is about (else all), as JSON
    python -m review preview STACK FILE              a preview (JSON of the engine) as Markdown
    python -m review drift STACK FILE                the same for an issue; nothing where nothing differs
    python -m review snapshots --base REVISION       the manifests that a change changes, as Markdown
    python -m review publish NUMBER FILE             puts FILE into its one comment of a pull request
    python -m review report STACK FILE               puts FILE into its one issue; closes it if FILE is empty

``publish`` and ``report`` read GITHUB_REPOSITORY, GITHUB_TOKEN and GITHUB_API_URL, as GitHub sets them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from policy.rules import breaches
from policy.subject import Subject
from review import affected, github, snapshots
from review.comment import comment
from review.limit import GITHUB, SUMMARY
from review.preview import Preview, PreviewError, read


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its status: 1 for a failed preview or a breach, 2 for what cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m review", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stacks").add_argument("--base", default="", help="what it is compared with")
    commands.add_parser("snapshots").add_argument("--base", required=True, help="what it is compared with")
    for name in ("preview", "drift"):
        one = commands.add_parser(name)
        one.add_argument("stack")
        one.add_argument("file", type=Path, help="the answer of pulumi preview --json")
        one.add_argument("--status", type=int, default=0, help="with which the engine ended")
        one.add_argument("--whole", action="store_true", help="not cut to what GitHub takes")
        one.add_argument("--source", default="", help="a sentence on where it comes from")
    publish = commands.add_parser("publish")
    publish.add_argument("number", type=int, help="of the pull request")
    publish.add_argument("file", type=Path)
    report = commands.add_parser("report")
    report.add_argument("stack")
    report.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command](given)
    except (OSError, snapshots.UnknownRevisionError, github.GitHubError) as error:
        print(f"review: {error}", file=sys.stderr)
        return 2


def _stacks(given: argparse.Namespace) -> int:
    known = snapshots.known_stacks()
    # GitHub writes zeros for what was before a branch was there.
    all_of_them = not given.base.strip("0")
    found = known if all_of_them else affected.stacks(snapshots.changed_files(given.base), known)
    print(json.dumps(found))
    return 0


def _told(given: argparse.Namespace) -> Preview:
    """Return what the engine told, or that it told nothing that can be read."""
    try:
        preview = read(given.file.read_text())
    except PreviewError as error:
        return Preview([], [f"{error}. It ended with status {given.status}."])
    if given.status and not preview.failures:
        return replace(preview, failures=[f"The engine ended with status {given.status}; its log says why."])
    return preview


def _preview(given: argparse.Namespace) -> int:
    preview = _told(given)
    found = breaches(
        Subject(type=one.type, name=one.name, properties=one.new, protected=one.stays_protected)
        for one in preview.changes
        if one.new
    )
    limit = sys.maxsize if given.whole else GITHUB
    print(comment(given.stack, preview, found, source=given.source, limit=limit), end="")
    return 1 if preview.failures or found else 0


def _drift(given: argparse.Namespace) -> int:
    preview = _told(given)
    if preview.changes or preview.failures:
        limit = sys.maxsize if given.whole else GITHUB
        print(comment(given.stack, preview, source=given.source, limit=limit, subject="Drift"), end="")
    return 0


def _snapshots(given: argparse.Namespace) -> int:
    print(snapshots.document(given.base, limit=SUMMARY), end="")
    return 0


def _publish(given: argparse.Namespace) -> int:
    github.Repository.of(os.environ).comment(given.number, given.file.read_text())
    return 0


def _report(given: argparse.Namespace) -> int:
    repository = github.Repository.of(os.environ)
    title = f"Stack {given.stack} is not what the program says"
    repository.issue(title, given.file.read_text() or None)
    return 0


COMMANDS = {
    "stacks": _stacks,
    "preview": _preview,
    "drift": _drift,
    "snapshots": _snapshots,
    "publish": _publish,
    "report": _report,
}

if __name__ == "__main__":
    sys.exit(main())
