# pyright: basic
# KubeSpawner has no types.
"""What happens around a session: KubeSpawner's hooks, put together."""

from __future__ import annotations

from typing import Any

from services.hub.credentials import SessionCredentials
from services.hub.identity_token import fresh
from services.hub.issuer import IssuerClient, tls_context
from services.hub.ownership import owner_reference
from services.hub.settings import HubSettings


def hooks(settings: HubSettings, account_token: str) -> dict[str, Any]:
    """Return FacilitySpawner's hooks; the token is of the hub's own ServiceAccount."""
    account = owner_reference(account_token)
    credentials = SessionCredentials(
        ask=IssuerClient(settings.credentials.url, tls_context()).bundle,
        log_in=fresh if settings.credentials.data_token == "identity" else None,
        keeper=account,
        labels=settings.session.labels,
        without_log_in=frozenset({settings.health.user} if settings.health else ()),
    )

    # Functions: JupyterHub copies its configuration deeply, and methods with all that they belong to.
    async def before_pod(spawner: Any, pod: Any) -> Any:
        await credentials.prepare(spawner)
        pod.metadata.owner_references = [account]
        return pod

    async def after_pod(spawner: Any, pod: Any) -> None:
        await credentials.hand_over(spawner, pod)

    def running(spawner: Any) -> None:
        credentials.look(spawner)

    return {"modify_pod_hook": before_pod, "after_pod_created_hook": after_pod, "running_hook": running}
