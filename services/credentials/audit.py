"""The audit trail: one line of JSON on standard output for each bundle and each refusal, never a secret."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from services.credentials.bundle import Bundle
from services.credentials.person import Person

Outcome = Literal["issued", "refused", "failed"]


def issued(caller: str, person: Person, bundle: Bundle) -> None:
    """Record who got what, and until when."""
    _write("issued", caller, {"expires": dict(bundle.expires), **bundle.facts}, person)


def refused(caller: str, status: int, reason: str, person: Person | None = None) -> None:
    """Record why a caller got nothing; ``status`` is HTTP's, or 0 where TLS ended the connection."""
    _write("failed" if status >= 500 else "refused", caller, {"status": status, "reason": reason}, person)


def _write(outcome: Outcome, caller: str, facts: Mapping[str, object], person: Person | None) -> None:
    line: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": "bundle",
        "outcome": outcome,
        "caller": caller,
    }
    if person:
        line |= {"user": person.user, "slug": person.slug}
    # JSON escapes line ends and, by default, whatever is not ASCII: nobody forges a line.
    sys.stdout.write(json.dumps(line | dict(facts)) + "\n")
    sys.stdout.flush()
