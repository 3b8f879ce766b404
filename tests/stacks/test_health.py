"""The health check's token: there with the setting, secret, and nowhere without it."""

from __future__ import annotations

import json

import pytest

from tests.stacks.checks import secrecy
from tools.recording import Recorded, Secret, plain
from tools.stackfiles import run_stack


@pytest.fixture(scope="module")
def watched() -> Recorded:
    """The opendata stack with a health check."""
    return run_stack("opendata", changes={"health": {}})


def test_the_hub_and_the_operator_get_the_same_secret_token(watched: Recorded) -> None:
    token = watched.outputs["healthToken"]
    assert isinstance(token, Secret)
    (secrets,) = [o for o in watched.objects if (o.kind, o.metadata_name) == ("Secret", "hub-secrets")]
    assert plain(secrets.inputs["stringData"])["health-token"] == token.value
    assert not secrecy.leaks(watched)
    assert not secrecy.unmarked(watched)


def test_the_hub_learns_whom_the_service_acts_for(watched: Recorded) -> None:
    (config,) = [o for o in watched.objects if (o.kind, o.metadata_name) == ("ConfigMap", "hub-config")]
    told = json.loads(config.inputs["data"]["settings.json"])["health"]
    assert told == {"user": watched.outputs["healthUser"], "tokenFile": "health-token"}


def test_without_the_setting_nobody_but_people_comes_in(opendata: Recorded) -> None:
    assert "healthToken" not in opendata.outputs
    assert not [r for r in opendata.resources if r.name == "hub-health-token"]
