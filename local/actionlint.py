"""Checks .github/workflows with actionlint: ``python3 -m local.actionlint``.

It is built from a pinned module, once (seconds). A machine without Go is told so and passes,
unless CI is set: there the check must not be left out in silence.
"""

from __future__ import annotations

import os
import subprocess
import sys

from local import modules
from local.paths import ROOT
from local.shell import StepError


def main() -> int:
    """Return actionlint's exit status."""
    try:
        program = modules.build("actionlint") / "actionlint"
    except StepError as error:
        print(f"the workflows are not checked: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    # Neither of the two programs that it would use if they are there: the answer is the same everywhere.
    return subprocess.run([program, "-shellcheck=", "-pyflakes="], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
