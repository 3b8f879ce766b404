"""Pods are restricted, bounded, pinned and probed, and few have rights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.harness import edited
from tests.stacks.checks import hardening
from tests.stacks.checks.pods import runtime_pods
from tools.recording import Recorded, Resource

TOKENS = {
    "Deployment/hub": "KubeSpawner makes users' pods and volumes",
    "Deployment/dask-gateway-api": "clusters are DaskCluster objects",
    "Deployment/dask-gateway-controller": "makes the pods of clusters",
}
"""Workloads that call the Kubernetes API, and why."""

Check = Callable[[Sequence[Resource]], list[str]]


@pytest.mark.parametrize(
    "check", [hardening.insecure, hardening.unbounded, hardening.unprobed, hardening.excessive_rights]
)
def test_pods_and_rights_are_as_small_as_they_can_be(recorded: Recorded, check: Check) -> None:
    assert not check(recorded.objects)


def test_images_are_pinned(recorded: Recorded) -> None:
    assert not hardening.unpinned(recorded.objects)


def test_the_hub_and_the_gateway_make_pods(recorded: Recorded) -> None:
    assert [pod.owner for pod in runtime_pods(recorded.objects)] == [
        "ConfigMap/dask-gateway-config",
        "ConfigMap/hub-config",
    ]


def test_only_pods_with_a_reason_have_a_token(recorded: Recorded) -> None:
    assert not hardening.needless_tokens(recorded.objects, TOKENS)


def spoil(field: str, value: object, *path: str | int) -> Callable[[Any], None]:
    """Return an edit that sets a field below ``path`` in the first container, or takes it away if none."""

    def edit(inputs: Any) -> None:
        target = inputs["spec"]["template"]["spec"]
        for part in path:
            target = target[part]
        if value is None:
            del target[field]
        else:
            target[field] = value

    return edit


FIRST = ("containers", 0)


@pytest.mark.parametrize(
    ("check", "edit"),
    [
        (hardening.insecure, spoil("allowPrivilegeEscalation", None, *FIRST, "securityContext")),
        (hardening.insecure, spoil("readOnlyRootFilesystem", False, *FIRST, "securityContext")),
        (hardening.insecure, spoil("privileged", True, *FIRST, "securityContext")),
        (hardening.insecure, spoil("runAsUser", 0, *FIRST, "securityContext")),
        (hardening.insecure, spoil("drop", ["NET_RAW"], *FIRST, "securityContext", "capabilities")),
        (hardening.insecure, spoil("add", ["SYS_PTRACE"], *FIRST, "securityContext", "capabilities")),
        (hardening.insecure, spoil("hostPort", 80, *FIRST, "ports", 0)),
        (hardening.insecure, spoil("runAsNonRoot", None, "securityContext")),
        (hardening.insecure, spoil("seccompProfile", None, "securityContext")),
        (hardening.insecure, spoil("hostNetwork", True)),
        (hardening.insecure, spoil("volumes", [{"name": "node", "hostPath": {"path": "/"}}])),
        (hardening.unbounded, spoil("limits", None, *FIRST, "resources")),
        (hardening.unbounded, spoil("requests", {"memory": "1Gi"}, *FIRST, "resources")),
        (hardening.unprobed, spoil("livenessProbe", None, *FIRST)),
        (hardening.unprobed, spoil("readinessProbe", None, *FIRST)),
    ],
)
def test_a_pod_with_more_than_it_needs_is_noticed(
    opendata: Recorded, check: Check, edit: Callable[[Any], None]
) -> None:
    assert len(check(edited(opendata.objects, "Deployment", "proxy", edit))) == 1


def test_a_token_without_a_reason_and_a_reason_without_a_token_are_noticed(opendata: Recorded) -> None:
    edit = spoil("automountServiceAccountToken", None)
    spoiled = edited(opendata.objects, "Deployment", "proxy", edit)
    assert len(hardening.needless_tokens(spoiled, TOKENS)) == 1
    assert len(hardening.needless_tokens(opendata.objects, {**TOKENS, "Deployment/proxy": "none"})) == 1
    spoiled = edited(
        opendata.objects, "ServiceAccount", "hub", lambda i: i.pop("automountServiceAccountToken")
    )
    assert len(hardening.needless_tokens(spoiled, TOKENS)) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]},
    ],
)
def test_a_right_too_many_is_noticed(opendata: Recorded, rule: dict[str, list[str]]) -> None:
    spoiled = edited(opendata.objects, "Role", "hub", lambda inputs: inputs["rules"].append(rule))
    assert hardening.excessive_rights(spoiled)


def test_a_right_in_the_whole_cluster_is_noticed(opendata: Recorded) -> None:
    spoiled = edited(opendata.objects, "RoleBinding", "hub", lambda i: i.update(kind="ClusterRoleBinding"))
    assert len(hardening.excessive_rights(spoiled)) == 1
