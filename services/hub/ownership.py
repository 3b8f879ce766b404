"""Sessions end with the facility: the hub's ServiceAccount owns their pods.

Sessions outlive the hub's own pods, but when a stack is destroyed nothing else
would end them; Kubernetes' garbage collector does when their owner is gone.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def owner_reference(token: str) -> dict[str, str]:
    """Return the owner reference to the ServiceAccount a token is of.

    The token says it itself (Kubernetes: claims ``kubernetes.io`` of a bound service
    account token), so no right to read ServiceAccounts is needed; it is our own, so
    there is nothing to verify.
    """
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    account = claims["kubernetes.io"]["serviceaccount"]
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": account["name"],
        "uid": account["uid"],
    }
