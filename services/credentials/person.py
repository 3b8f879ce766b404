"""Whom a bundle is for, as a request says it: strictly read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

BODY_BYTES = 4096
"""The longest request, in bytes; the longest name and label fit many times."""
_NAME_CHARACTERS = 255
"""JupyterHub's longest user name (its ORM, column users.name)."""
_SLUG = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label: RFC 1123, section 2.1."""
_FIELDS = {"user", "slug"}


class RequestError(ValueError):
    """A request is not as it must be; the message is for whoever sent it."""


@dataclass(frozen=True)
class Person:
    """A user of the facility."""

    user: str
    """Name at the hub."""
    slug: str
    """The hub's DNS label for that name."""


def read(body: bytes) -> Person:
    """Return the person that a request's body names. Raises RequestError."""
    try:
        document: object = json.loads(body.decode(), object_pairs_hook=_object)
    # RecursionError: a few kilobytes of brackets are deep enough.
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise RequestError("the body is no JSON") from error
    if not isinstance(document, dict):
        raise RequestError("the body is no JSON object")
    fields = cast(dict[str, object], document)
    if unknown := fields.keys() - _FIELDS:
        raise RequestError(f"unknown fields: {', '.join(map(ascii, sorted(unknown)))}")
    return Person(user=_user(_text(fields, "user")), slug=_slug(_text(fields, "slug")))


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    # Two readers that each take another of two equal names would disagree about whom they speak of.
    if len(found := dict(pairs)) != len(pairs):
        raise RequestError("a field is there twice")
    return found


def _text(fields: dict[str, object], name: str) -> str:
    if name not in fields:
        raise RequestError(f"{name} is missing")
    value = fields[name]
    if not isinstance(value, str):
        raise RequestError(f"{name} is no text")
    return value


def _user(name: str) -> str:
    # Not printable: control letters, which end names for some readers, and halves of UTF-16 pairs.
    if not name or len(name) > _NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        raise RequestError(
            f"user is no name: 1 to {_NAME_CHARACTERS} printable letters without blanks around them"
        )
    return name


def _slug(label: str) -> str:
    if not _SLUG.fullmatch(label):
        raise RequestError("slug is no DNS label: 1 to 63 lower-case letters, digits and inner hyphens")
    return label
