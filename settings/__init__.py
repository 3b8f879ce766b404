"""The facility's settings: read once, checked strictly, handed on as plain values."""

from settings.errors import SettingsError
from settings.loader import load
from settings.model import (
    Access,
    CondorWorker,
    Credentials,
    DaskGateway,
    ExecuteNodes,
    Hub,
    Identity,
    Images,
    Kubernetes,
    Network,
    Pool,
    Profile,
    Public,
    Session,
    Settings,
    UserLimits,
    WorkerSize,
    XCache,
)

__all__ = [
    "Access",
    "CondorWorker",
    "Credentials",
    "DaskGateway",
    "ExecuteNodes",
    "Hub",
    "Identity",
    "Images",
    "Kubernetes",
    "Network",
    "Pool",
    "Profile",
    "Public",
    "Session",
    "Settings",
    "SettingsError",
    "UserLimits",
    "WorkerSize",
    "XCache",
    "load",
]
