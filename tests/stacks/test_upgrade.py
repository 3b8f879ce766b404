"""From the release before to today's program: nothing that holds data or identity is deleted or made anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.harness import edited
from tests.upgrade import previous
from tests.upgrade.losses import kind, losses, precious
from tools.recording import Recorded, Resource
from tools.stackfiles import run_stack


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recorded]:
    """Run today's program with a stack file of the release before: old settings are good ones, too."""
    root = previous.under_todays_program(tmp_path_factory.mktemp("program"))
    runs: dict[str, Recorded] = {}

    def run(stack: str) -> Recorded:
        if stack not in runs:
            runs[stack] = run_stack(stack, root)
        return runs[stack]

    return run


def before(stack: str = "opendata") -> list[dict[str, Any]]:
    """Return the resources that the release before left behind."""
    return previous.state(stack)["deployment"]["resources"]


@pytest.mark.parametrize("stack", previous.stacks())
def test_an_upgrade_loses_nothing(stack: str, today: Callable[[str], Recorded]) -> None:
    assert losses(before(stack), today(stack).resources) == []


def test_what_could_be_lost_is_looked_at() -> None:
    kept = [r for r in before() if precious(r["type"], r.get("inputs", {}), protected=bool(r.get("protect")))]
    names = {r["urn"].rsplit("::", 1)[-1] for r in kept}
    assert names >= {"hub-db", "namespace", "ca-key", "ca-certificate", "credentials-signing-key-1"}
    assert names >= {"xcache", "condor-schedd", "hub-cookie-secret"}
    assert len(kept) > 12


def change(found: Recorded, name: str, kind_: str, **changed: Any) -> list[Resource]:
    """Return a copy of what was recorded with other options of one resource; it has to be there."""
    assert [r for r in found.resources if (r.name, kind(r.type)) == (name, kind_)]
    return [replace(r, **changed) if (r.name, kind(r.type)) == (name, kind_) else r for r in found.resources]


def test_a_claim_that_is_gone_renamed_or_no_longer_protected_is_noticed(
    today: Callable[[str], Recorded],
) -> None:
    found = today("opendata")
    old = "PersistentVolumeClaim hub-db"
    gone = [r for r in found.resources if r.name != "hub-db"]
    assert losses(before(), gone) == [f"{old} would be deleted"]
    bare = change(found, "hub-db", "PersistentVolumeClaim", protect=False)
    assert losses(before(), bare) == [f"{old} would lose its protection"]

    def rename(inputs: Any) -> None:
        inputs["metadata"]["name"] = "database"

    renamed = edited(found.resources, "PersistentVolumeClaim", "hub-db", rename)
    assert losses(before(), renamed) == [f"{old} would be made anew for its metadata.name"]


def test_a_resource_that_says_what_it_was_called_is_not_lost(today: Callable[[str], Recorded]) -> None:
    found = today("opendata")
    (claim,) = [r for r in found.resources if r.name == "hub-db"]
    moved = change(found, "hub-db", "PersistentVolumeClaim", urn=claim.urn + "2", aliases=(claim.urn,))
    assert losses(before(), moved) == []


def test_other_volumes_of_a_cache_are_noticed(today: Callable[[str], Recorded]) -> None:
    def enlarge(inputs: Any) -> None:
        (template,) = inputs["spec"]["volumeClaimTemplates"]
        template["spec"]["resources"]["requests"]["storage"] = "20Gi"

    spoiled = edited(today("opendata").resources, "StatefulSet", "xcache", enlarge)
    assert losses(before(), spoiled) == [
        "StatefulSet xcache would be made anew for its spec.volumeClaimTemplates"
    ]


def test_another_key_or_password_is_noticed(today: Callable[[str], Recorded]) -> None:
    found = today("opendata")
    key = change(found, "ca-key", "PrivateKey", inputs={"algorithm": "RSA"})
    assert "PrivateKey ca-key would be made anew for its algorithm" in losses(before(), key)
    password = change(found, "hub-proxy-token", "RandomPassword", inputs={"length": 32, "special": False})
    assert losses(before(), password) == ["RandomPassword hub-proxy-token would be made anew for its length"]
