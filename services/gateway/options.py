# pyright: basic
# dask-gateway-server has no types.
"""What users may choose for a cluster: size of a worker up to the facility's, and environment variables."""

from __future__ import annotations

import re
from typing import Any

from dask_gateway_server.options import Float, Mapping, Options

from services.gateway.settings import GatewaySettings

_GIB = 2**30
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENVIRONMENT_SIZE = 32 * 1024
"""Characters; Kubernetes stores it in every pod of the cluster."""


class Bounded(Float):
    """A number up to its default, with a message that says what may be asked for."""

    def __init__(self, field: str, *, default: float, least: float, label: str) -> None:
        bounds: dict[str, Any] = {"default": default, "min": min(least, default), "max": default}
        super().__init__(field, label=label, **bounds)

    def validate(self, x: Any) -> float:
        """Return x as a float; raises TypeError or ValueError."""
        if isinstance(x, bool) or not isinstance(x, (int, float)):
            raise TypeError(f"{self.field} must be a number, got {x!r}")
        # Not "x < min or x > max": NaN, which JSON parsers accept, is neither.
        if self.min is not None and self.max is not None and not self.min <= x <= self.max:
            raise ValueError(f"{self.field} may be {self.min:g} to {self.max:g} in this facility, got {x:g}")
        return float(x)


class Environment(Mapping):
    """Environment variables of schedulers and workers."""

    def validate(self, x: Any) -> dict[str, str]:
        """Return x; raises TypeError or ValueError."""
        if not isinstance(x, dict) or not all(isinstance(text, str) for pair in x.items() for text in pair):
            raise TypeError(f"{self.field} must map names to strings")
        wrong = [name for name in x if not _VARIABLE.fullmatch(name)]
        if wrong:
            raise ValueError(f"{self.field} has {wrong[0]!r}, which is no name of an environment variable")
        if sum(len(name) + len(value) for name, value in x.items()) > _ENVIRONMENT_SIZE:
            raise ValueError(f"{self.field} is longer than {_ENVIRONMENT_SIZE} characters")
        return x


def cluster_options(settings: GatewaySettings) -> Options:
    """Return the options of a new cluster; a user's variables come over the facility's."""
    worker = settings.worker

    def configuration(chosen: Any) -> dict[str, Any]:
        cores, size = chosen.worker_cores, round(chosen.worker_memory * _GIB)
        return {
            "worker_cores": min(worker.cores_request, cores),
            "worker_cores_limit": cores,
            "worker_threads": max(1, int(cores)),
            "worker_memory": size,
            "worker_memory_limit": size,
            "environment": {**settings.environment, **chosen.environment},
        }

    return Options(
        Bounded("worker_cores", default=worker.cores, least=0.1, label="Cores of a worker"),
        Bounded("worker_memory", default=worker.memory / _GIB, least=0.25, label="Memory of a worker (GiB)"),
        Environment("environment", label="Environment variables"),
        handler=configuration,
    )
