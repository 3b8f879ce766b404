"""Rate and requests at once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from services.credentials.gate import BusyError, Gate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def enter(gate: Gate) -> None:
    with gate.passing():
        pass


def test_after_a_burst_the_rate_counts() -> None:
    clock = Clock()
    gate = Gate(rate=2, burst=3, at_once=10, clock=clock)
    for _ in range(3):
        enter(gate)
    with pytest.raises(BusyError) as caught:
        enter(gate)
    assert caught.value.seconds == 0.5
    clock.now = 0.5
    enter(gate)
    with pytest.raises(BusyError):
        enter(gate)


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    gate = Gate(rate=1, burst=2, at_once=10, clock=clock)
    clock.now = 1000
    enter(gate)
    enter(gate)
    with pytest.raises(BusyError):
        enter(gate)


def test_only_so_many_are_inside_at_a_time() -> None:
    gate = Gate(rate=1, burst=10, at_once=2, clock=Clock())
    with ExitStack() as inside:
        inside.enter_context(gate.passing())
        inside.enter_context(gate.passing())
        with pytest.raises(BusyError):
            enter(gate)
    enter(gate)


def test_who_fails_inside_leaves_as_well() -> None:
    gate = Gate(rate=1, burst=10, at_once=1, clock=Clock())
    with pytest.raises(ZeroDivisionError), gate.passing():
        raise ZeroDivisionError
    enter(gate)


def test_who_is_refused_costs_nothing() -> None:
    clock = Clock()
    gate = Gate(rate=1, burst=1, at_once=1, clock=clock)
    enter(gate)
    for _ in range(5):
        with pytest.raises(BusyError):
            enter(gate)
    clock.now = 1
    enter(gate)
