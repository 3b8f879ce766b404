"""Which stacks a change is about."""

from __future__ import annotations

import pytest

from review.affected import stacks

KNOWN = ("atlas", "opendata", "unl")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["Pulumi.unl.yaml"], ["unl"]),
        (["Pulumi.unl.yaml", "Pulumi.atlas.yaml", "README.md"], ["atlas", "unl"]),
        (["Pulumi.gone.yaml"], []),
        (["components/hub.py"], list(KNOWN)),
        (["Pulumi.yaml"], list(KNOWN)),
        (["images/hub/Containerfile", "Pulumi.unl.yaml"], list(KNOWN)),
        (["local/modules/dex/go.mod"], list(KNOWN)),
        (["requirements/hub.txt"], list(KNOWN)),
        (["something/new"], list(KNOWN)),
        (["docs/operator.md", "tests/unit/x.py", "local/up.py", "CHANGELOG.md", "review/words.py"], []),
        ([], []),
    ],
)
def test_stacks_are_those_whose_files_change(files: list[str], found: list[str]) -> None:
    assert stacks(files, KNOWN) == found
