"""The facility with other settings for a while."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.e2e.facility import OVERRIDES, facility, pulumi, rollout, wait_for

Settings = Mapping[str, Mapping[str, Any]]
"""Section to the keys in it that are other than in overrides.yaml."""


@contextmanager
def laid_over(sections: Settings) -> Iterator[Path]:
    """Give a file of settings: overrides.yaml's with ``sections`` laid over."""
    document = yaml.safe_load(OVERRIDES.read_text())
    for section, values in sections.items():
        document["config"].setdefault(f"coffea-casa:{section}", {}).update(values)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "overrides.yaml"
        file.write_text(yaml.safe_dump(document))
        yield file


def up(overrides: Path = OVERRIDES) -> None:
    """Bring the facility to a file of settings and wait until its hub answers the world."""
    pulumi("up", "--yes", "--skip-preview", overrides=overrides)
    hub_is_there()


def hub_is_there() -> None:
    """Wait until the hub answers the world."""
    rollout("hub")
    # A ready pod is not yet where its Service leads; what asks the hub fails for that moment.
    there = facility()

    def answers() -> bool:
        asked = requests.get(f"{there.url}/hub/api/", verify=str(there.ca_file), timeout=10)
        return asked.status_code == 200

    wait_for("the hub's answer", answers, 60)


@contextmanager
def changed(**sections: Mapping[str, Any]) -> Iterator[Path]:
    """Have the facility run with other settings of these sections; afterwards it is as it was."""
    with laid_over(sections) as overrides:
        up(overrides)
        try:
            yield overrides
        finally:
            forget_key_of_third_generation()
            up()


def forget_key_of_third_generation() -> None:
    """Let a rotation be taken back, which the engine refuses: the key was published, but signed nothing."""
    state = json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]
    for urn in (r["urn"] for r in state if r["urn"].endswith("::credentials-signing-key-3")):
        pulumi("state", "unprotect", urn, "--yes")
