"""`make render`: files to read, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests import harness
from tools import render


def test_every_object_is_a_file_of_its_own() -> None:
    recorded = harness.recorded("opendata")
    files = render.files(recorded)
    assert len(files) == len(recorded.objects)
    hub = yaml.safe_load(files["deployment-hub.yaml"])
    assert (hub["kind"], hub["metadata"]["name"]) == ("Deployment", "hub")


def test_secrets_are_not_rendered() -> None:
    recorded = harness.recorded("opendata")
    files = render.files(recorded)
    assert set(yaml.safe_load(files["secret-hub-secrets.yaml"])["stringData"].values()) == {"<secret>"}
    assert not [secret for secret in recorded.secret_values if any(secret in text for text in files.values())]


def test_files_of_objects_that_are_no_more_go_away(tmp_path: Path) -> None:
    render.write(tmp_path / "new", {"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    (tmp_path / "new" / "notes.txt").write_text("mine")
    render.write(tmp_path / "new", {"b.yaml": "b: 2\n"})
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["b.yaml", "notes.txt"]
    assert (tmp_path / "new" / "b.yaml").read_text() == "b: 2\n"


def test_a_stack_without_a_file_is_an_error_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main(["nowhere"]) == 2
    assert "no stack 'nowhere': Pulumi.nowhere.yaml does not exist" in capsys.readouterr().err


def test_settings_that_are_refused_are_an_error_that_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(stack: str) -> None:
        raise render.SettingsError(stack, [])

    monkeypatch.setattr(render, "run_stack", refuse)
    assert render.main(["opendata"]) == 2
    assert "render: Pulumi.opendata.yaml has 0 wrong setting(s)" in capsys.readouterr().err


def test_the_directory_is_named_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert render.main(["unl", str(tmp_path)]) == 0
    assert (tmp_path / "configmap-hub-config.yaml").is_file()
    assert f"of stack unl written to {tmp_path}" in capsys.readouterr().out
