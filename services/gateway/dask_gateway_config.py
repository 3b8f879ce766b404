"""Configuration file of dask-gateway-server: the facility's settings, applied."""

from services.gateway.configuration import configure
from services.gateway.settings import load

# traitlets gives configuration files this function.
configure(get_config(), load())  # type: ignore[name-defined]  # noqa: F821
