"""Images have the programs that pods run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import edited
from tests.stacks.checks.commands import missing_programs
from tools.recording import Recorded


def test_every_program_is_in_its_image(recorded: Recorded) -> None:
    assert not missing_programs(recorded.objects)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("dask-router", ["/usr/local/bin/entrypoint"]),
        ("hub", ["jupyterhub", "--config=/opt/coffea-casa/services/hub/config.py"]),
        ("dask-gateway-controller", ["python", "-m", "services.gateway.control"]),
        ("hub", ["python", "-m", "services.gateway.controller"]),
    ],
)
def test_a_program_no_image_has_is_noticed(opendata: Recorded, name: str, command: list[str]) -> None:
    def run(inputs: Any) -> None:
        inputs["spec"]["template"]["spec"]["containers"][0]["command"] = command

    assert len(missing_programs(edited(opendata.objects, "Deployment", name, run))) == 1
