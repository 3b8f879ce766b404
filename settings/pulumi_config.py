"""The settings of the stack that the engine is running: the one file here that knows Pulumi."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import cast

import pulumi
from pulumi.runtime import config as runtime

from settings.errors import PROJECT
from settings.loader import CLIENT_SECRET, load
from settings.model import Settings


def from_pulumi() -> Settings:
    """Return the checked settings of the current stack.

    Raises SettingsError (see ``load``) before anything is registered.
    """
    prefix = f"{PROJECT}:"
    everything = cast(dict[str, str], runtime.get_config_env() | runtime.CONFIG.get())
    keys = {full.removeprefix(prefix): full for full in everything if full.startswith(prefix)}
    secrets = frozenset(key for key, full in keys.items() if runtime.is_config_secret(full))
    raw = {key: _value(key, everything[full]) for key, full in keys.items()}
    return load(raw, stack=pulumi.get_stack(), secrets=secrets)


def _value(key: str, text: str) -> object:
    # Objects and lists arrive as JSON. The client's secret is never looked at here.
    if key != CLIENT_SECRET and text[:1] in ("{", "["):
        with suppress(json.JSONDecodeError):
            return json.loads(text)
    return text
