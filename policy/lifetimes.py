"""Lifetimes: whatever lets somebody in ends, soon enough that a theft does."""

from __future__ import annotations

from typing import Any

from policy.subject import Subject, at, entries

TOKEN = 24 * 3600
"""Seconds of a data token and of a ServiceAccount's token (settings: credentials.tokenLifetime)."""
CERTIFICATE = 30 * 24 * 3600
"""Seconds of a user's certificate (settings: credentials.certificateLifetime)."""
LEAF_HOURS = 398 * 24
"""Of a server's certificate (CA/Browser Forum, Baseline Requirements 6.3.2, which browsers enforce)."""
CA_HOURS = 10 * 366 * 24


def too_long(subject: Subject) -> list[str]:
    """Return tokens and certificates that live longer than they should."""
    settings = subject.settings
    problems = [
        *_above("tokenLifetime", settings.get("tokenLifetime"), TOKEN, "seconds"),
        *_above("certificateLifetime", settings.get("certificateLifetime"), CERTIFICATE, "seconds"),
    ]
    if subject.type.startswith("tls:"):
        most = CA_HOURS if subject.properties.get("isCaCertificate") else LEAF_HOURS
        problems += _above(
            "validityPeriodHours", subject.properties.get("validityPeriodHours"), most, "hours"
        )
    if subject.kind == "Secret" and subject.properties.get("type") == "kubernetes.io/service-account-token":
        problems.append("a ServiceAccount's token in a Secret never ends")
    for volume in entries(subject.pod or {}, "volumes"):
        for source in entries(at(volume, "projected"), "sources"):
            asked = at(source, "serviceAccountToken").get("expirationSeconds")
            problems += _above(f"volume {volume.get('name')}: expirationSeconds", asked, TOKEN, "seconds")
    return problems


def _above(what: str, given: Any, most: int, unit: str) -> list[str]:
    if not isinstance(given, int | float) or given <= most:
        return []
    return [f"{what} is {given:.0f}, more than {most} {unit}"]
