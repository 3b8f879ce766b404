"""Rotation of keys before the real engine; the tests follow one another."""

from __future__ import annotations

import pytest

from tests.engine.plugins.conftest import COLOURLESS, Stack

FIRST = 1


@pytest.fixture(scope="module")
def rotated(stack: Stack) -> Stack:
    """The stack after two rotations, each one `up` from the one before."""
    for generation in range(FIRST, FIRST + 3):
        stack.up(generation=generation)
    return stack


def keys(stack: Stack) -> set[str]:
    return {
        line.split()[-1] for line in stack.run("stack", *COLOURLESS).splitlines() if "signing-key" in line
    }


def test_each_rotation_is_one_up(rotated: Stack) -> None:
    assert keys(rotated) == {"signing-key-2", "signing-key-3", "signing-key-4"}
    rotated.run("preview", "--expect-no-changes", *COLOURLESS)


@pytest.mark.parametrize(
    ("generation", "needed"), [(2, "signing-key-4"), (5, "signing-key-3"), (9, "signing-key-3")]
)
def test_going_back_or_skipping_is_refused_in_the_preview(
    rotated: Stack, generation: int, needed: str
) -> None:
    rotated.configure(generation=generation)
    done = rotated.call("preview", *COLOURLESS)
    assert done.returncode != 0
    assert f"::{needed}" in done.stdout
    assert "protect" in done.stdout


def test_a_refused_change_leaves_the_keys(rotated: Stack) -> None:
    rotated.configure(generation=5)
    assert rotated.call("up", "--yes", *COLOURLESS).returncode != 0
    assert keys(rotated) == {"signing-key-2", "signing-key-3", "signing-key-4"}
