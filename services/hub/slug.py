# pyright: basic
# KubeSpawner has no types.
"""A user name as a DNS label: pod, home, hostname, certificate and SNI name all carry it."""

from __future__ import annotations

from kubespawner.slugs import multi_slug, safe_slug

TEMPLATE = "{user_server}"
"""KubeSpawner's name for the same value in its templates."""
_LENGTH = 48
"""KubeSpawner's own limit (KubeSpawner._expand_user_properties)."""


def slug(username: str) -> str:
    """Return the label: valid for any name, at most 48 characters, distinct for distinct names."""
    label = safe_slug(username, max_length=_LENGTH)
    # KubeSpawner keeps two characters for "--SERVER", named servers or not.
    return label if len(label) + 2 <= _LENGTH else multi_slug([username, ""], max_length=_LENGTH)
