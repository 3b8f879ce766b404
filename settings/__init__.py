"""The facility's settings: read once, checked strictly, handed on as plain values."""

from settings.errors import SettingsError
from settings.loader import load
from settings.model import (
    Access,
    Credentials,
    DaskGateway,
    DaskRouter,
    Hub,
    Identity,
    Images,
    Kubernetes,
    Network,
    Profile,
    Public,
    Session,
    Settings,
    TokenIssuer,
    UserLimits,
    WorkerSize,
    XCache,
)

__all__ = [
    "Access",
    "Credentials",
    "DaskGateway",
    "DaskRouter",
    "Hub",
    "Identity",
    "Images",
    "Kubernetes",
    "Network",
    "Profile",
    "Public",
    "Session",
    "Settings",
    "SettingsError",
    "TokenIssuer",
    "UserLimits",
    "WorkerSize",
    "XCache",
    "load",
]
