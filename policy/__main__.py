"""The policy pack that the engine runs: ``pulumi preview --policy-pack policy``."""

# The environment of pyright is the program's, which has no pulumi_policy.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

# The engine starts this file from its own directory.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.rules import RULES  # noqa: E402
from policy.subject import Rule, Subject  # noqa: E402


def known(values: Any) -> Any:
    """Return plain values of the library's proxies, which raise where only an update knows the value."""
    if isinstance(values, Mapping):
        return {key: _item(values, key) for key in cast("Mapping[str, Any]", values)}
    if not isinstance(values, str) and hasattr(values, "__getitem__"):
        return [_item(values, index) for index in range(len(values))]
    return int(values) if isinstance(values, float) and values.is_integer() else values


def _item(values: Any, key: Any) -> Any:
    try:
        return known(values[key])
    except UnknownValueError:
        return UNKNOWN_STRING_VALUE


def policy(name: str, description: str, rule: Rule) -> ResourceValidationPolicy:
    """Return a rule as the library wants it."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        subject = Subject(
            type=args.resource_type,
            name=args.name,
            properties=known(args.props),
            protected=bool(args.opts.protect),
        )
        for problem in rule(subject):
            report(f"{subject.label}: {problem}", args.urn)

    return ResourceValidationPolicy(name=name, description=description, validate=validate)


if __name__ in ("__main__", "__pulumi_policy__"):
    PolicyPack(
        name="coffea-casa",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[policy(name, told, rule) for name, (told, rule) in RULES.items()],
    )
