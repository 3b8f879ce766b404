"""How much may be asked for: a rate with bursts (a token bucket), and requests at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


class BusyError(Exception):
    """Too much is asked for; ``seconds`` is when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many requests: come back in {seconds:.1f} s")
        self.seconds = seconds


class Gate:
    """Lets in ``rate`` requests a second in the long run, ``burst`` after a pause, ``at_once`` at a time."""

    def __init__(
        self, *, rate: float, burst: int, at_once: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._at_once, self._clock = rate, burst, at_once, clock
        self._left, self._seen = float(burst), clock()
        self._inside = 0

    @contextmanager
    def passing(self) -> Generator[None]:
        """Be inside while the block runs. Raises BusyError."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            raise BusyError((1 - self._left) / self._rate)
        if self._inside >= self._at_once:
            raise BusyError(1)
        self._left -= 1
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
