"""Requests to the Kubernetes API with the token of a service account."""

from __future__ import annotations

from functools import cache
from typing import Any

import requests
import yaml

from tests.e2e.facility import STACK, STATE, kubectl


@cache
def _token(account: str, namespace: str) -> str:
    return kubectl("create", "token", account, namespace=namespace).stdout.strip()


def ask(
    account: str, method: str, path: str, body: Any = None, *, namespace: str = STACK
) -> requests.Response:
    """Send a request as a facility's service account."""
    cluster = yaml.safe_load((STATE / "kubeconfig").read_text())["clusters"][0]["cluster"]
    return requests.request(
        method,
        cluster["server"] + path,
        headers={"Authorization": f"Bearer {_token(account, namespace)}"},
        json=body,
        verify=cluster["certificate-authority"],
        timeout=30,
    )
