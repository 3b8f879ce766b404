"""The stack file that the engine reads: the committed one with this machine's values over it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from local import cluster, stack, stackfile, venv
from local.paths import ROOT
from local.stack import Site
from local.stackfile import edits, overlay

SALT = {"encryptionsalt": "v1:abc"}


def test_values_above_win_and_lists_are_taken_whole() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert overlay(below, {"a": {"y": [3]}}) == {"a": {"x": 1, "y": [3]}, "b": 1}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


def test_what_was_written_after_laying_down_is_found() -> None:
    laid = {"config": {"p:a": 1, "p:group": {"x": 1, "y": 2}, "p:gone": 1}}
    found = {**SALT, "config": {"p:a": 1, "p:group": {"x": 5, "y": 2}, "p:secret": {"secure": "z"}}}
    assert edits(laid, found) == {**SALT, "config": {"p:group": {"x": 5}, "p:secret": {"secure": "z"}}}
    assert edits(laid, laid) == {}


def test_what_the_engine_wrote_stays_when_overrides_change_and_the_overrides_do_not(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.opendata.yaml"
    stackfile.main(tmp_path, "opendata", ['{"config": {"coffea-casa:access": {"users": ["a@b.c"]}}}'])
    derived = yaml.safe_load(file.read_text())
    derived["config"]["coffea-casa:clientSecret"] = {"secure": "v1:x"}
    file.write_text(yaml.safe_dump({**SALT, **derived}))
    stackfile.main(tmp_path, "opendata", [])
    after = yaml.safe_load(file.read_text())
    assert after["encryptionsalt"] == "v1:abc"
    assert after["config"]["coffea-casa:clientSecret"] == {"secure": "v1:x"}
    assert after["config"].get("coffea-casa:access") != {"users": ["a@b.c"]}


def test_the_project_leads_to_the_checkout_but_for_its_stack_files(tmp_path: Path) -> None:
    stackfile.main(
        tmp_path / "project", "opendata", ['{"config": {"coffea-casa:kubernetes": {"context": "c"}}}']
    )
    project = tmp_path / "project"
    assert (project / "__main__.py").resolve() == ROOT / "__main__.py"
    assert (project / "Pulumi.yaml").resolve() == ROOT / "Pulumi.yaml"
    assert [file.name for file in project.glob("Pulumi.*.yaml")] == ["Pulumi.opendata.yaml"]
    assert not (project / "Pulumi.opendata.yaml").is_symlink()
    assert yaml.safe_load((project / "Pulumi.opendata.yaml").read_text())["config"][
        "coffea-casa:kubernetes"
    ] == {"context": "c"}


def test_a_link_to_what_is_no_more_goes_away(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(ROOT / "gone.py")
    stackfile.link_project(tmp_path)
    assert not (tmp_path / "gone.py").is_symlink()


def test_each_cluster_has_a_state_of_its_own() -> None:
    assert Site().directory != Site(context="cern").directory
    assert Site(context="a/../b").directory.parent == Site().directory.parent


def test_a_context_of_the_user_s_gets_no_values_of_the_one_machine_cluster() -> None:
    assert stack.overrides(Site(context="cern", registry="r.example.org/x")) == {
        "config": {
            "coffea-casa:kubernetes": {"context": "cern"},
            "coffea-casa:images": {"registry": "r.example.org/x"},
        }
    }
    assert stack.overrides(Site()) == {
        "config": {
            "coffea-casa:kubernetes": {"context": "coffea-casa-local"},
            "coffea-casa:public": {"nodePort": 30443},
            "coffea-casa:xcache": {
                "origin": "origin.origin.svc.cluster.local",
                "originCidrs": ["10.244.0.0/16"],
            },
        }
    }


def test_the_engine_s_count_is_told_in_one_line() -> None:
    told = "Resources:\n    + 1 to create\n\nUpdating\nResources:\n    + 90 created\n    3 unchanged\n\nD\n"
    assert stack.summary(told) == "    + 90 created, 3 unchanged"


def test_the_passphrase_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFEA_CASA_STATE", str(tmp_path / "state"))
    stack.make_passphrase(Site())
    file = Site().passphrase
    first = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600 and len(first) >= 32
    stack.make_passphrase(Site())
    assert file.read_text() == first


def test_the_environment_s_key_changes_with_lock_file_and_python() -> None:
    assert venv.key(b"a", "3.11") == venv.key(b"a", "3.11")
    assert len({venv.key(b"a", "3.11"), venv.key(b"b", "3.11"), venv.key(b"a", "3.12")}) == 3


def test_mounts_under_a_directory_are_found_in_their_order() -> None:
    table = "x / ext4\nx /a/b ext4\nx /a/b/c\\040d ext4\nx /ab ext4\n"
    assert cluster.mounts_under([Path("/a")], table) == ["/a/b", "/a/b/c d"]


def test_a_project_may_lead_to_another_checkout_and_back(tmp_path: Path) -> None:
    other, project = tmp_path / "other", tmp_path / "project"
    other.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "of_old"):
        (other / name).touch()
    stackfile.link_project(project, other)
    assert (project / "__main__.py").readlink() == other / "__main__.py"
    stackfile.link_project(project)
    assert (project / "__main__.py").readlink() == stackfile.ROOT / "__main__.py"
    assert not (project / "of_old").is_symlink()
