"""Kubernetes knows every field of every object."""

from __future__ import annotations

from typing import Any

from tests.harness import edited
from tests.stacks.checks.schema import invalid
from tools.recording import Recorded


def test_every_object_is_valid(recorded: Recorded) -> None:
    assert not invalid(recorded.objects)


def test_an_unknown_field_a_wrong_type_and_an_unknown_kind_are_noticed(opendata: Recorded) -> None:
    def misspell(inputs: Any) -> None:
        inputs["spec"]["replcas"] = 1

    def mistype(inputs: Any) -> None:
        inputs["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "8443"

    def invent(inputs: Any) -> None:
        inputs["apiVersion"] = "apps/v9"

    for edit in (misspell, mistype, invent):
        assert len(invalid(edited(opendata.objects, "Deployment", "proxy", edit))) == 1
