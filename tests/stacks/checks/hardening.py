"""Pods: restricted, bounded, pinned, probed, and without a token they have no use for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from policy import pods as policy_pods
from policy import rights
from policy.subject import Rule, Subject
from tests.stacks.checks.pods import pods
from tools.recording import Resource, plain

Check = Callable[[Sequence[Resource]], list[str]]


def every(rule: Rule) -> Check:
    """Return a rule of the policy as a check of a whole stack."""

    def check(resources: Sequence[Resource]) -> list[str]:
        return [
            f"{resource.kind}/{resource.metadata_name}: {problem}"
            for resource in resources
            for problem in rule(subject(resource))
        ]

    return check


def subject(resource: Resource) -> Subject:
    """Return a recorded resource as the policy sees it."""
    properties = plain(resource.inputs)
    # The tests spoil kinds, too; Pulumi's type goes with the kind.
    type_ = f"{resource.type.rpartition(':')[0]}:{resource.kind}" if resource.kind else resource.type
    return Subject(type=type_, name=resource.name, properties=properties, protected=resource.protect)


insecure = every(policy_pods.insecure)
unbounded = every(policy_pods.unbounded)
unpinned = every(policy_pods.floating)
excessive_rights = every(lambda given: rights.of_the_whole_cluster(given) + rights.excessive(given))


def unprobed(resources: Sequence[Resource]) -> list[str]:
    """Return long-running containers of which Kubernetes cannot tell whether they work."""
    return [
        f"{pod.owner}: container {container['name']} has no {probe}"
        for pod in pods(resources)
        if not pod.owner.startswith("Job/")
        for container in pod.spec["containers"]
        for probe in ("readinessProbe", "livenessProbe")
        if not container.get(probe)
    ]


def needless_tokens(resources: Sequence[Resource], reasons: Mapping[str, str]) -> list[str]:
    """Return pods with a token for the Kubernetes API that are not in ``reasons``, and reasons without a pod.

    ServiceAccounts must not hand out tokens by themselves either.
    """
    problems: list[str] = []
    holders = set[str]()
    for pod in pods(resources):
        if pod.spec.get("automountServiceAccountToken") is not False:
            holders.add(pod.owner)
            if pod.owner not in reasons:
                problems.append(f"{pod.owner} has a token for the Kubernetes API without a reason")
    problems += [
        f"{owner} is listed with a reason but has no token" for owner in sorted(set(reasons) - holders)
    ]
    problems += [
        f"ServiceAccount {resource.metadata_name} hands its token to any pod that uses it"
        for resource in resources
        if resource.kind == "ServiceAccount"
        and resource.manifest.get("automountServiceAccountToken") is not False
    ]
    return problems
