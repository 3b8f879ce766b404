"""settings.json and the secret files, as the deployment mounts them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

SETTINGS = Path(os.environ.get("COFFEA_CASA_HUB_SETTINGS", "/etc/coffea-casa/hub/settings.json"))
SECRETS = Path(os.environ.get("COFFEA_CASA_HUB_SECRETS", "/run/secrets/hub"))

Json = dict[str, Any]
T = TypeVar("T")


class HubSettingsError(ValueError):
    """settings.json or a secret file is not as the deployment writes it."""


@dataclass(frozen=True)
class Oidc:
    """The issuer and the hub's client; a URL that is none is found by discovery."""

    issuer: str
    client_id: str
    authorize_url: str | None
    token_url: str | None
    userdata_url: str | None
    scopes: list[str]
    username_claim: str
    groups_claim: str | None
    login_service: str


@dataclass(frozen=True)
class Access:
    """Who may log in, and who is an administrator."""

    users: list[str]
    groups: list[str]
    admins: list[str]
    admin_groups: list[str]
    everyone: bool


@dataclass(frozen=True)
class Limits:
    """Seconds, and servers starting at once."""

    concurrent_spawns: int
    idle_timeout: int
    max_age: int


@dataclass(frozen=True)
class Profile:
    """A choice of the spawn page: cores, and memory as Kubernetes quantities."""

    name: str
    title: str
    description: str
    cores: float
    cores_request: float
    memory: str
    memory_request: str
    image: str | None


@dataclass(frozen=True)
class Session:
    """The notebook pods."""

    image: str
    pull_policy: str
    pull_secrets: list[str]
    uid: int
    gid: int
    home_size: str
    storage_class: str | None
    start_timeout: int
    profiles: list[Profile]
    labels: dict[str, str]
    environment: dict[str, str]
    volumes: list[Json]
    volume_mounts: list[Json]
    init_containers: list[Json]


@dataclass(frozen=True)
class Credentials:
    """Where sessions' credentials come from."""

    url: str
    """The credential service."""
    data_token: Literal["facility", "identity"]
    """Whether the data token is the service's, or the access token of the user's log-in."""
    public_keys_url: str | None = None
    """Where the service's public keys are, for sites that check its tokens; None where none does."""


@dataclass(frozen=True)
class Laptop:
    """How users' own computers reach the schedulers in sessions: SLUG.domain, and the port."""

    domain: str
    port: int


@dataclass(frozen=True)
class Health:
    """The health check: a service that acts for one user of its own."""

    user: str
    token_file: str


@dataclass(frozen=True)
class Service:
    """A JupyterHub service of another component."""

    name: str
    url: str
    token_file: str | None = None
    oauth: bool = False


@dataclass(frozen=True)
class HubSettings:
    """All of settings.json."""

    namespace: str
    dns_domain: str
    public_url: str
    hub_connect_url: str
    proxy_api_url: str
    oidc: Oidc
    access: Access
    hub: Limits
    credentials: Credentials
    session: Session
    services: list[Service]
    laptop: Laptop | None = None
    """None where they do not."""
    health: Health | None = None
    """None where nobody checks."""


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def _read(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    values = {_snake(key): value for key, value in data.items()}
    try:
        return cls(**values)
    except TypeError as error:
        known = ", ".join(field.name for field in fields(cast(Any, cls)))
        raise HubSettingsError(f"{where}: {error}; its settings are {known}") from error


def load(path: Path = SETTINGS) -> HubSettings:
    """Return the settings of ``path``. Raises HubSettingsError for an unknown or missing key."""
    try:
        data: Json = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise HubSettingsError(f"{path}: {error}") from error
    nested = {"oidc": Oidc, "access": Access, "hub": Limits, "credentials": Credentials}
    parts: Json = {key: _read(cls, data.pop(key, {}), f"{path}: {key}") for key, cls in nested.items()}
    session: Json = data.pop("session", {})
    profiles = [
        _read(Profile, profile, f"{path}: session.profiles") for profile in session.get("profiles", [])
    ]
    parts["session"] = _read(Session, session | {"profiles": profiles}, f"{path}: session")
    parts["services"] = [_read(Service, item, f"{path}: services") for item in data.pop("services", [])]
    if laptop := data.pop("laptop", None):
        parts["laptop"] = _read(Laptop, laptop, f"{path}: laptop")
    if health := data.pop("health", None):
        parts["health"] = _read(Health, health, f"{path}: health")
    return _read(HubSettings, data | parts, str(path))


def secret(name: str, directory: Path = SECRETS) -> str:
    """Return the text of a secret file. Raises HubSettingsError, which names the file and no content."""
    path = directory / name
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise HubSettingsError(f"{path}: {error.strerror}") from error
    if not text:
        raise HubSettingsError(f"{path}: is empty")
    return text
