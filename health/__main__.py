"""Runs an analysis in a facility as a physicist would.

    python -m health STACK [--directory PROJECT]

Prints a line a step with its time, ends what it started, and names the step that failed: the
exit status is then 1, and 2 where nothing could be tried. For after an `up`, and for a cron;
one at a time, since two would stop each other's server. KUBECONFIG plays no part: it comes by
the facility's own address.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from health.account import Account
from health.analysis import Analysis
from health.site import SiteError, outputs, settings, site
from health.steps import follow
from settings import SettingsError
from tools.recording import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one facility."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m health", description=summary)
    parser.add_argument("stack", help="whose facility")
    parser.add_argument("--directory", type=Path, default=ROOT, help="the project, with the stack's file")
    # Checks before an `up` look at the cluster as well, and are called in the same way.
    parser.add_argument("--kubectl", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    # What ends a cron's job is no reason to leave a server behind.
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory() as directory:
        try:
            found = settings(given.stack, given.directory)
            facility = site(outputs(given.stack, given.directory), found, Path(directory))
        except (SiteError, SettingsError) as error:
            print(f"health: {error}", file=sys.stderr)
            return 2
        return check(Analysis(Account(facility, facility.user, facility.token), found))


def _end(_number: int, _frame: object) -> None:
    sys.exit(1)


def check(analysis: Analysis) -> int:
    """Take the steps and return the exit status."""
    failing = follow(analysis.steps(), analysis.last(), lambda line: print(line, flush=True))
    if failing is not None:
        print(f"health: FAILED at the step {failing!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
