"""Pods roll exactly when what they mount changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests import harness
from tests.harness import edited
from tests.stacks.checks.rolling import changed_configuration, wrong_rolls
from tools.recording import Json, Recorded
from tools.stackfiles import run_stack

MAY_MISS = {
    # Rolling the proxy ends every user's web sockets. A new CA signs it a new certificate, which rolls it.
    ("Deployment/proxy", "facility-ca"),
}


@pytest.mark.parametrize(
    ("regenerated", "changes", "touched"),
    [
        (["ca-certificate"], {}, "facility-ca"),
        (["ca-proxy-key"], {}, "proxy-tls"),
        (["ca-identity-certificate"], {}, "identity-tls"),
        (["ca-key"], {}, "credentials-keys"),
        (["credentials-signing-key-1"], {}, "credentials-keys"),
        (["credentials-signing-key-2"], {}, "credentials-config"),
        (["ca-credentials-certificate"], {}, "credentials-tls"),
        ([], {"credentials.keyGeneration": 2}, "credentials-keys"),
        ([], {"credentials.tokenLifetime": 600}, "credentials-config"),
        (["hub-cookie-secret"], {}, "hub-secrets"),
        (["hub-proxy-token"], {}, "proxy-secrets"),
        (["identity-client-secret"], {}, "identity-secrets"),
        (["dask-gateway-hub-token"], {}, "dask-gateway-secrets"),
        ([], {"hub.idleTimeout": 1800}, "hub-config"),
        ([], {"daskGateway.idleTimeout": 900}, "dask-gateway-config"),
        ([], {"identity.users": ["a@example.org", "b@example.org"]}, "identity-config"),
    ],
)
def test_a_change_rolls_the_pods_that_mount_it_and_no_others(
    opendata: Recorded, regenerated: list[str], changes: Json, touched: str
) -> None:
    after = run_stack("opendata", regenerated=regenerated, changes=changes)
    assert touched in {name for _, name in changed_configuration(opendata, after)}
    assert not wrong_rolls(opendata, after, MAY_MISS)


def test_the_same_settings_give_the_same_stack(opendata: Recorded) -> None:
    assert run_stack("opendata") == opendata


def changed_settings(inputs: Any) -> None:
    """Change a ConfigMap."""
    inputs["data"]["settings.json"] += " "


def rolled(inputs: Any) -> None:
    """Change a pod."""
    inputs["spec"]["template"]["metadata"]["annotations"]["x"] = "y"


def test_a_forgotten_checksum_and_a_needless_roll_are_noticed(opendata: Recorded) -> None:
    missed = edited(opendata.resources, "ConfigMap", "hub-config", changed_settings)
    problems = wrong_rolls(opendata, replace(opendata, resources=tuple(missed)))
    assert problems == ["Deployment/hub does not roll when hub-config changes: no checksum of it"]
    both = edited(missed, "Deployment", "hub", rolled)
    assert not wrong_rolls(opendata, replace(opendata, resources=tuple(both)))
    needless = edited(opendata.resources, "Deployment", "proxy", rolled)
    problems = wrong_rolls(opendata, replace(opendata, resources=tuple(needless)))
    assert problems == ["Deployment/proxy rolls though nothing it mounts has changed"]


def test_a_preview_before_anything_exists_works(stack: str) -> None:
    assert harness.recorded(stack, preview=True).resources
