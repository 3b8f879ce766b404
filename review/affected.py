"""Which stacks a change is about; to say one too many costs a preview, one too few a surprise."""

from __future__ import annotations

import re
from collections.abc import Collection

OF_NONE = ("docs/", "tests/", "bench/", ".github/", "review/", "policy/", "tools/")
"""Places that no stack is made of."""
OF_ALL_IN_LOCAL = "local/modules/dex/"
"""The one part of local/ that an image's tag depends on."""


def stacks(files: Collection[str], known: Collection[str]) -> list[str]:
    """Return the names of the stacks that some of the files belong to."""
    found: set[str] = set()
    for file in files:
        own = re.fullmatch(r"Pulumi\.(.+)\.yaml", file)
        if own:
            found |= {own[1]} & set(known)
        elif file.startswith(OF_ALL_IN_LOCAL) or not (
            file.startswith((*OF_NONE, "local/")) or ("/" not in file and file.endswith(".md"))
        ):
            return sorted(known)
    return sorted(found)
