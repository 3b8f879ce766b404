"""What a user's own computer needs to reach the scheduler in their session: one zip file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from services.hub.issuer import Bundle
from services.hub.settings import Laptop

CERTIFICATE = "usercert.pem"
FILES = ("ca.pem", CERTIFICATE)
"""All that leaves the facility. Of the rest, one lets its holder speak as a session, the other read data."""
_TEXTS = Path(__file__).with_name("laptop_bundle")
_UNIX = 3
"""Of ZIP's "version made by" (APPNOTE.TXT, 4.4.2): permissions are Unix's."""


def expiry(bundle: Bundle) -> str:
    """Return when the user's certificate ends, for people to read."""
    return f"{datetime.fromtimestamp(bundle.expires[CERTIFICATE], UTC):%Y-%m-%d %H:%M} UTC"


def archive(bundle: Bundle, user: str, slug: str, laptop: Laptop, url: str) -> bytes:
    """Return the zip file of a user: certificates, a snippet to begin with, and what to know of them.

    ``url`` is the facility's address in browsers. The key is readable by its owner alone where unpacked.
    """
    values = {
        "url": url,
        "user": user,
        "host": f"{slug}.{laptop.domain}",
        "port": str(laptop.port),
        "expires": expiry(bundle),
    }
    texts = {name: _text(name, values) for name in ("snippet.py", "README.txt")}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in ({name: bundle.files[name] for name in FILES} | texts).items():
            file.writestr(_entry(f"{directory(slug)}/{name}", private=name == CERTIFICATE), text)
    return content.getvalue()


def directory(slug: str) -> str:
    """Return what the files are in, which is also the zip file's name."""
    return f"dask-{slug}"


def _text(name: str, values: Mapping[str, str]) -> str:
    return Template((_TEXTS / f"{name}.template").read_text()).substitute(values)


def _entry(path: str, *, private: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, datetime.now(UTC).timetuple()[:6])
    entry.create_system = _UNIX
    entry.external_attr = (0o100600 if private else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
