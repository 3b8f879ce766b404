"""The commands that workflows call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from review.__main__ import main
from tools.stackfiles import stacks

KEPT = Path(__file__).parents[2] / "previews"


def test_without_a_base_every_stack_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["stacks"], ["stacks", "--base", ""], ["stacks", "--base", "0" * 40]):
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out) == stacks()


def test_an_unknown_base_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stacks", "--base", "no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "status"), [("image", 0), ("no-change", 0), ("refused", 1), ("protected", 1)]
)
def test_a_preview_is_written_and_judged(name: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "opendata", str(KEPT / f"{name}.json"), "--source", "Of commit x."]) == status
    told = capsys.readouterr().out
    assert told.startswith("<!-- coffea-casa preview of opendata -->") and "<sub>Of commit x.</sub>" in told


def test_a_breach_of_the_policy_is_told_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoiled = (KEPT / "image.json").read_text().replace('"runAsNonRoot": true', '"runAsNonRoot": false')
    (tmp_path / "preview.json").write_text(spoiled)
    assert main(["preview", "opendata", str(tmp_path / "preview.json")]) == 1
    told = capsys.readouterr().out
    assert "### :no_entry: 1 breach of the policy" in told
    assert "- `Deployment hub: container hub may run as root (no-privileged-pods)`" in told


def test_lost_protection_is_a_breach_of_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads((KEPT / "protected.json").read_text())
    for step in told["steps"]:
        step.get("newState", {}).pop("protect", None)
    (tmp_path / "preview.json").write_text(json.dumps(told))
    assert main(["preview", "opendata", str(tmp_path / "preview.json")]) == 1
    assert "Namespace elsewhere: is not protected (protected-data)" in capsys.readouterr().out


def test_the_log_has_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads((KEPT / "first.json").read_text())
    told["steps"] = [{**step, "urn": f"{step['urn']}-{copy}"} for copy in range(8) for step in told["steps"]]
    (tmp_path / "preview.json").write_text(json.dumps(told))
    arguments = ["preview", "opendata", str(tmp_path / "preview.json")]
    main(arguments)
    cut = capsys.readouterr().out
    main([*arguments, "--whole"])
    whole = capsys.readouterr().out
    assert len(cut) <= 65_536 < len(whole)
    assert "**Cut to what GitHub takes.**" in cut and "**Cut to" not in whole


def test_an_engine_that_tells_nothing_is_a_failed_preview(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "preview.json").write_text("")
    assert main(["preview", "opendata", str(tmp_path / "preview.json"), "--status", "255"]) == 1
    assert "It ended with status 255." in capsys.readouterr().out


def test_an_engine_that_fails_without_a_word_is_a_failed_preview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "opendata", str(KEPT / "image.json"), "--status", "1"]) == 1
    assert "The engine ended with status 1" in capsys.readouterr().out


def test_drift_is_told_only_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "opendata", str(KEPT / "no-change.json")]) == 0
    assert capsys.readouterr().out == ""
    assert main(["drift", "opendata", str(KEPT / "replicas.json")]) == 0
    assert "## Drift of `opendata`: 5 changed" in capsys.readouterr().out
    assert main(["drift", "opendata", str(KEPT / "no-change.json"), "--status", "1"]) == 0
    assert "failed" in capsys.readouterr().out


def test_a_report_that_is_not_there_closes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "opendata", str(tmp_path / "none.md")]) == 2
    assert main(["publish", "7", str(tmp_path / "none.md")]) == 2
