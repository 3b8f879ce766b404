"""Rights at the Kubernetes API: namespaced Roles only, one ServiceAccount a component."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.base import FacilityComponent
from components.workload import metadata


def service_account(
    owner: FacilityComponent, component: str, rules: Sequence[PolicyRuleArgs]
) -> list[pulumi.Resource]:
    """Make a component's ServiceAccount with ``rules``; all three objects bear the component's name.

    Return them, for the Deployment to depend on: a pod that starts before its rights fails at once.
    """
    facility = owner.facility
    account = k8s.core.v1.ServiceAccount(
        f"{component}-account",
        metadata=metadata(facility, component, component),
        automount_service_account_token=False,
        opts=owner.child(),
    )
    role = k8s.rbac.v1.Role(
        f"{component}-role",
        metadata=metadata(facility, component, component),
        rules=list(rules),
        opts=owner.child(),
    )
    binding = k8s.rbac.v1.RoleBinding(
        f"{component}-binding",
        metadata=metadata(facility, component, component),
        role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=component),
        subjects=[SubjectArgs(kind="ServiceAccount", name=component, namespace=facility.namespace)],
        opts=owner.child(),
    )
    return [account, role, binding]
