"""Who is at the other end: TLS with the facility's CA, and the one subject that may ask for bundles."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.credentials import audit

Subject = tuple[tuple[str, str], ...]
"""A certificate's subject: every attribute and its value."""

HUB: Subject = (("organizationName", "Coffea-casa"), ("commonName", "hub"))
"""Whole subject of the hub's certificate. Those of users have another organisation (authority.py)."""


def public_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a server that anybody may call."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def private_context(certificate: Path, key: Path, ca: Path) -> ssl.SSLContext:
    """Return the context of a server that wants a client certificate of the CA."""
    context = public_context(certificate, key)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(ca)
    # A ticket would spare its holder the look at the certificate, which may have expired since.
    context.num_tickets = 0
    context.sslobject_class = _AuditedHandshake
    return context


class _AuditedHandshake(ssl.SSLObject):
    """Leaves a line when a handshake fails: the web server never hears of such connections."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLCertVerificationError as error:
            audit.refused("", 0, f"client certificate: {error.verify_message}")
            raise
        except ssl.SSLError as error:
            audit.refused("", 0, f"TLS: {error.reason}")
            raise


def subject(certificate: Mapping[str, Any] | None) -> Subject:
    """Return the subject of a verified certificate, as ``SSLObject.getpeercert`` gives it."""
    names = (certificate or {}).get("subject", ())
    return tuple((str(key), str(value)) for name in names for key, value in name)


def is_hub(found: Subject) -> bool:
    """Tell whether a subject is the hub's: nothing less and nothing more, in any order."""
    return sorted(found) == sorted(HUB)


def shown(found: Subject) -> str:
    """Return a subject as one text."""
    return ", ".join(f"{key}={value}" for key, value in found)
