"""Connections that the NetworkPolicies must refuse, each with one that shows that the target is there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.e2e.facility import pod_name, reaches
from tests.e2e.person import Person
from tests.e2e.server import Server

KUBERNETES = "kubernetes.default.svc"


@dataclass(frozen=True)
class Refused:
    """A connection that must not be: ``allowed`` is a component that may make it."""

    caller: str
    host: str
    port: int
    allowed: str

    def __str__(self) -> str:
        return f"{self.caller} to {self.host}:{self.port}"


REFUSED = (
    Refused("session", "proxy-api", 8001, "hub"),
    Refused("session", "identity", 5556, "hub"),
    Refused("session", "dask-gateway", 8000, "dask-router"),
    Refused("session", "dask-gateway", 8001, "dask-router"),
    Refused("session", KUBERNETES, 443, "hub"),
    Refused("dask-worker", KUBERNETES, 443, "hub"),
    Refused("dask-scheduler", KUBERNETES, 443, "dask-gateway-controller"),
    Refused("dask-router", KUBERNETES, 443, "dask-gateway-api"),
    Refused("proxy", KUBERNETES, 443, "hub"),
    Refused("identity", KUBERNETES, 443, "hub"),
    Refused("dask-worker", "hub", 8081, "session"),
    Refused("dask-scheduler", "hub", 8081, "session"),
    Refused("dask-worker", "proxy-api", 8001, "hub"),
    Refused("dask-worker", "dask-router", 8000, "session"),
    Refused("dask-router", "hub", 8081, "proxy"),
    Refused("identity", "hub", 8081, "proxy"),
    Refused("session", "credentials", 8443, "hub"),
    Refused("dask-scheduler", "credentials", 8443, "hub"),
    Refused("dask-worker", "credentials", 8443, "hub"),
    Refused("proxy", "credentials", 8443, "hub"),
    Refused("dask-gateway-controller", "credentials", 8443, "hub"),
    Refused("credentials", "hub", 8081, "session"),
    Refused("credentials", KUBERNETES, 443, "hub"),
    Refused("hub", "xcache", 1094, "session"),
    Refused("proxy", "xcache", 1094, "dask-worker"),
    Refused("xcache", "hub", 8081, "session"),
    Refused("xcache", KUBERNETES, 443, "hub"),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_connection_outside_the_named_flows_is_refused(
    case: Refused, notebook: Server, cluster: str
) -> None:
    assert cluster
    user = notebook.account.user if case.caller == "session" else None
    assert reaches(pod_name(case.allowed), case.host, case.port), "the target is not there"
    assert not reaches(pod_name(case.caller, user), case.host, case.port)


def test_a_session_does_not_reach_another(notebook: Server, colleague: Person) -> None:
    mine, theirs = (pod_name("session", user) for user in (notebook.account.user, colleague.account.user))
    host = f"{mine.removeprefix('jupyter-')}.sessions"
    assert reaches(pod_name("proxy"), host, 8888)
    assert not reaches(theirs, host, 8888)


def test_a_session_reaches_a_scheduler_through_the_router_only(notebook: Server, cluster: str) -> None:
    session = pod_name("session", notebook.account.user)
    scheduler = f"dask-{cluster.split('.')[1]}"
    assert reaches(session, "dask-router", 8786)
    for port in (8786, 8787):
        assert reaches(pod_name("dask-router"), scheduler, port)
        assert not reaches(session, scheduler, port)
    assert reaches(pod_name("dask-worker"), scheduler, 8786)
    assert not reaches(pod_name("dask-worker"), scheduler, 8788)
