"""Log-in: somebody says who a user is, and not everybody is let in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from policy.subject import Subject, at, texts

_OPEN = re.compile(
    r"\b(Dummy|Null|SharedPassword|Tmp|LocalTmp|FirstUse)Authenticator\b"
    r"|\bauthenticator_class\s*=\s*['\"](dummy|null|shared-password)['\"]"
    r"|\ballow_all\s*=\s*True\b"
    r"|\bmock(Callback|Password)\b"
    r"|\bdummy_password\b",
)
"""JupyterHub's authenticators that ask for nothing, what lets everybody in, Dex's connectors for tests."""


def everybody(subject: Subject) -> list[str]:
    """Return what lets in whoever comes."""
    given = texts(subject.pod or at(subject.properties, "data"))
    problems = [f"{path}: {found[0]}" for path, text in given if (found := _OPEN.search(text))]
    settings = subject.settings
    if "oidc" not in settings:
        return problems
    oidc, access = at(settings, "oidc"), at(settings, "access")
    issuer = str(oidc.get("issuer") or "")
    if urlsplit(issuer).scheme != "https":
        problems.append(f"the issuer {issuer or '(none)'} does not answer by https")
    if not oidc.get("usernameClaim"):
        problems.append("no claim of the issuer is the user's name")
    if access.get("everyone"):
        problems.append("access.everyone lets in whoever the issuer knows")
    return problems
