"""What the facility's own accounts may ask of Kubernetes, and which pods it lets in: by real requests."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.e2e.accounts import ask
from tests.e2e.facility import STACK, kubectl, objects, pods

CORE = "/api/v1"
HERE = f"{CORE}/namespaces/{STACK}"
THERE = f"{CORE}/namespaces/kube-system"
DASK = "/apis/gateway.dask.org/v1alpha1"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "intruder"}}
BODIES = {"POST": POD, "PUT": SECRET}
GRANTED = {"GET": 200, "PUT": 404}
"""What is answered when the right is there: nothing to replace has that name."""


@dataclass(frozen=True)
class Request:
    """A request of a service account, and whether it is granted."""

    account: str
    method: str
    path: str
    granted: bool

    def __str__(self) -> str:
        return f"{self.account} {self.method} {self.path}"


REQUESTS = (
    Request("hub", "GET", f"{HERE}/pods", True),
    Request("hub", "GET", f"{HERE}/persistentvolumeclaims", True),
    Request("hub", "GET", f"{HERE}/secrets", False),
    Request("hub", "GET", f"{HERE}/secrets/hub-secrets", False),
    # Sessions' credentials are written and never read; other verbs can answer with what was there.
    Request("hub", "PUT", f"{HERE}/secrets/intruder?dryRun=All", True),
    Request("hub", "PATCH", f"{HERE}/secrets/credentials-keys?dryRun=All", False),
    Request("hub", "DELETE", f"{HERE}/secrets/credentials-keys?dryRun=All", False),
    Request("hub", "PUT", f"{THERE}/secrets/intruder?dryRun=All", False),
    Request("hub", "GET", f"{THERE}/pods", False),
    Request("hub", "GET", f"{THERE}/secrets", False),
    Request("hub", "GET", f"{CORE}/pods", False),
    Request("hub", "GET", f"{CORE}/secrets", False),
    Request("hub", "GET", f"{CORE}/nodes", False),
    Request("hub", "POST", f"{THERE}/pods", False),
    Request("hub", "POST", f"{HERE}/pods/hub/exec?command=id", False),
    Request("hub", "DELETE", f"{HERE}/persistentvolumeclaims/hub-db?dryRun=All", False),
    Request("hub", "GET", f"{DASK}/namespaces/{STACK}/daskclusters", False),
    Request("dask-gateway-api", "GET", f"{DASK}/namespaces/{STACK}/daskclusters", True),
    Request("dask-gateway-api", "GET", f"{HERE}/pods", True),
    Request("dask-gateway-api", "GET", f"{DASK}/daskclusters", False),
    Request("dask-gateway-api", "GET", f"{HERE}/secrets", False),
    Request("dask-gateway-api", "GET", f"{THERE}/secrets", False),
    Request("dask-gateway-api", "POST", f"{HERE}/pods", False),
    Request("dask-gateway-api", "GET", f"{THERE}/pods", False),
    Request("dask-gateway-controller", "GET", f"{HERE}/endpoints", True),
    Request("dask-gateway-controller", "GET", f"{CORE}/endpoints", False),
    Request("dask-gateway-controller", "GET", f"{CORE}/pods", False),
    Request("dask-gateway-controller", "GET", f"{DASK}/daskclusters", False),
    Request("dask-gateway-controller", "GET", f"{HERE}/secrets/hub-secrets", False),
    Request("dask-gateway-controller", "GET", f"{HERE}/secrets", False),
    Request("dask-gateway-controller", "POST", f"{THERE}/pods", False),
    Request("default", "GET", f"{HERE}/pods", False),
    Request("default", "GET", f"{HERE}/secrets", False),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_an_account_may_do_its_work_and_nothing_else(request_: Request) -> None:
    answer = ask(request_.account, request_.method, request_.path, BODIES.get(request_.method))
    assert answer.status_code == (GRANTED[request_.method] if request_.granted else 403), answer.text


def test_the_facility_has_no_right_outside_its_namespace() -> None:
    bindings = json.loads(kubectl("get", "clusterrolebindings", "--output=json").stdout)["items"]
    subjects = [subject for binding in bindings for subject in binding.get("subjects", [])]
    assert subjects
    assert not [subject for subject in subjects if subject.get("namespace") == STACK]


PRIVILEGED = {"privileged": True}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("context", "admitted"),
    [(RESTRICTED, True), (PRIVILEGED, False), ({}, False), (RESTRICTED | {"runAsNonRoot": False}, False)],
)
def test_the_namespace_admits_restricted_pods_only(context: dict[str, object], admitted: bool) -> None:
    container = {"name": "main", "image": "example.org/none:1", "securityContext": context}
    pod = json.dumps(POD | {"spec": {"containers": [container]}})
    done = kubectl("create", "--dry-run=server", "--filename=-", check=False, stdin=pod)
    assert (done.returncode == 0) == admitted, done.stderr
    assert admitted or "violates PodSecurity" in done.stderr


def test_every_pod_of_the_facility_is_admitted_and_none_is_root() -> None:
    for deployment in objects("deployments"):
        assert deployment["status"].get("readyReplicas") == deployment["spec"]["replicas"], deployment[
            "metadata"
        ]
    for pod in pods():
        containers = pod["spec"]["containers"]
        contexts = [pod["spec"]["securityContext"] | c.get("securityContext", {}) for c in containers]
        assert all(context.get("runAsNonRoot") for context in contexts), pod["metadata"]["name"]
        assert all("limits" in c["resources"] and "memory" in c["resources"]["limits"] for c in containers)
