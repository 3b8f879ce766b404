# pyright: basic
# KubeSpawner has no types.
"""KubeSpawner, and a hook for sessions that run."""

from __future__ import annotations

from typing import Any

from kubespawner import KubeSpawner
from traitlets import Callable


class FacilitySpawner(KubeSpawner):
    """KubeSpawner with a hook at every look at a running session, also after a restart of the hub."""

    running_hook = Callable(
        None,
        allow_none=True,
        config=True,
        help="Called with the spawner when a poll finds the session running.",
    )

    async def poll(self) -> Any:
        """Tell whether the session runs, as KubeSpawner does."""
        status = await super().poll()
        if status is None and self.running_hook:
            self.running_hook(self)
        return status
