"""The rules by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from policy import lifetimes, login, pods, protection, rights, secrecy, tls
from policy.subject import Rule, Subject

RULES: Mapping[str, tuple[str, Rule]] = {
    "no-privileged-pods": (
        "Pods keep to Pod Security restricted and cannot write to their image.",
        pods.insecure,
    ),
    "bounded-pods": ("Containers say what they need and how much memory they may take.", pods.unbounded),
    "fixed-images": ("Images have a tag or digest that stays the same.", pods.floating),
    "no-private-volumes": ("Where users' code runs no volume holds what is not theirs.", pods.private),
    "no-secret-in-the-open": ("ConfigMaps and pods hold no secret.", secrecy.in_the_open),
    "no-cluster-rights": ("Nothing has rights in the whole cluster.", rights.of_the_whole_cluster),
    "no-excessive-rights": ("Roles have no wildcard and no right that gives more.", rights.excessive),
    "closed-log-in": ("Users are known by an issuer, and not everybody is let in.", login.everybody),
    "tls-for-the-world": ("What the world reaches has TLS.", tls.plain),
    "short-lives": ("Tokens and certificates end in time.", lifetimes.too_long),
    "protected-data": ("Identity and data are protected.", protection.missing),
}


def violations(subject: Subject) -> list[str]:
    """Return what is wrong with one resource, each with the rule's name."""
    return [
        f"{subject.label}: {problem} ({name})"
        for name, (_, rule) in RULES.items()
        for problem in rule(subject)
    ]


def breaches(subjects: Iterable[Subject]) -> list[str]:
    """Return what is wrong with any of the resources."""
    return [problem for subject in subjects for problem in violations(subject)]
