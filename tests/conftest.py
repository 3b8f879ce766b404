"""What all tests share."""

from __future__ import annotations

import os

import pytest

# A string made of a Pulumi Output raises, in any test, instead of holding a sentence about Outputs.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts a new state of affairs; its diff is for the review."""
    parser.addoption(
        "--update-snapshots",
        action="store_true",
        help="write tests/stacks/snapshots and tests/stacks/urns anew instead of comparing with them",
    )
