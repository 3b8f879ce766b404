"""Rights: in the namespace, and none that give more."""

from __future__ import annotations

from policy.subject import Subject, entries, words

POWERFUL = {"pods/exec", "pods/attach", "roles", "rolebindings", "serviceaccounts/token", "*"}


def of_the_whole_cluster(subject: Subject) -> list[str]:
    """Return rights that do not end at the namespace."""
    if subject.kind in ("ClusterRole", "ClusterRoleBinding"):
        return ["rights in the whole cluster"]
    return []


def excessive(subject: Subject) -> list[str]:
    """Return wildcards, rights over rights, and the listing of secrets."""
    problems: list[str] = []
    for rule in entries(subject.properties, "rules") if subject.kind in ("Role", "ClusterRole") else []:
        groups, verbs = set(words(rule, "apiGroups")), set(words(rule, "verbs"))
        kinds = set(words(rule, "resources"))
        if "*" in groups | verbs | kinds:
            problems.append("a wildcard")
        if kinds & POWERFUL or verbs & {"escalate", "bind", "impersonate"}:
            problems.append(f"rights that give more rights ({', '.join(sorted(kinds))})")
        if "secrets" in kinds and verbs & {"list", "watch"}:
            problems.append("reads every secret of the namespace")
    return problems
