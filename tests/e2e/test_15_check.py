"""`make check` on the one-machine facility: all of it passes, and one thing that is wrong fails alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.facility import OVERRIDES, run


def checked(overrides: Path = OVERRIDES) -> tuple[int, dict[str, str], str]:
    """Return the exit status, the verdict of each check, and all that was said."""
    done = run("make", "--silent", "check", check=False, overrides=overrides)
    lines = [line for line in done.stdout.splitlines() if line[17:31].strip() in VERDICTS]
    said = done.stdout + done.stderr
    return done.returncode, {line[:16].strip(): line[17:31].strip() for line in lines}, said


VERDICTS = ("ok", "FAILED", "not applicable")
LOOKED_AT = {
    "settings",
    "cluster",
    "rights",
    "storage class",
    "node sizes",
    "public host",
    "XCache origin",
}
"""What this machine has; of the rest is nothing to check."""


def test_everything_passes_on_one_machine() -> None:
    status, verdicts, said = checked()
    assert status == 0, said
    assert {name for name, verdict in verdicts.items() if verdict == "ok"} >= LOOKED_AT, said
    assert "FAILED" not in verdicts.values()
    assert "XRootD data server" in said


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("kubernetes", {"storageClass": "nowhere"}, "storage class"),
        ("public", {"tls": "secret", "tlsSecret": "nowhere"}, "Secrets"),
        ("daskGateway", {"worker": {"memory": "900Gi"}, "limits": {"memory": "1000Gi"}}, "node sizes"),
        ("xcache", {"origin": "nobody.origin.svc.cluster.local"}, "XCache origin"),
        ("session", {"volumes": [{"name": "d", "claim": "nowhere", "mountPath": "/data"}]}, "volumes"),
        ("hub", {"idleTimeout": 1}, "settings"),
    ],
)
def test_one_thing_that_is_wrong_fails_by_its_name(
    tmp_path: Path, key: str, value: dict[str, Any], name: str
) -> None:
    laid = yaml.safe_load(OVERRIDES.read_text())
    laid["config"].setdefault(f"coffea-casa:{key}", {}).update(value)
    file = tmp_path / "overrides.yaml"
    file.write_text(yaml.safe_dump(laid))
    try:
        status, verdicts, said = checked(file)
    finally:
        # The file that the engine reads is as it was.
        checked()
    assert status != 0, said
    assert [found for found, verdict in verdicts.items() if verdict == "FAILED"] == [name], said
    assert "; to do: " in said
