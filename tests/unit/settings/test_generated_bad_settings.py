"""Hundreds of wrong stack files, made from the dataclasses: each is refused by the wrong value's own key."""

from __future__ import annotations

from collections import Counter

import pytest

from settings import Problem, examine
from tests.unit.settings.mutations import Mutation, Tree, base, mutations

ALL = mutations()
SECRETS = frozenset({"clientSecret"})


def problems(raw: Tree) -> list[Problem]:
    """Return what is wrong with a file."""
    return examine(raw, stack="bad", secrets=SECRETS)[1]


BEFORE = {(problem.key, problem.wrong) for problem in problems(base())}
"""What is wrong with samples, which are of the right type and no more."""


def test_there_are_enough_of_every_kind_and_the_same_each_time() -> None:
    kinds = Counter(mutation.kind for mutation in ALL)
    assert sum(kinds.values()) >= 200
    assert set(kinds) == {
        "wrong type",
        "null",
        "empty",
        "control characters",
        "blanks around",
        "placeholder",
        "no size",
        "out of range",
        "unknown key",
        "missing",
    }
    assert [str(mutation) for mutation in mutations()] == [str(mutation) for mutation in ALL]
    # nan is no equal of itself.
    assert [repr(mutation.raw) for mutation in mutations()] == [repr(mutation.raw) for mutation in ALL]


def test_samples_have_the_right_types() -> None:
    settings, _ = examine(base(), stack="bad", secrets=SECRETS)
    assert settings is not None


@pytest.mark.parametrize("mutation", ALL, ids=str)
def test_it_is_refused_with_its_own_key_and_what_to_do(mutation: Mutation) -> None:
    found = problems(mutation.raw)
    because = [p for p in found if p.key == mutation.key and (p.key, p.wrong) not in BEFORE]
    assert because, f"{mutation} is not refused: {[str(problem) for problem in found]}"
    for problem in because:
        assert str(problem).startswith(f"coffea-casa:{mutation.key}: ")
        assert problem.wrong
        assert problem.advice
