"""Builds of Go modules are named after everything that goes into them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from local import modules
from local.modules import MODULE, PLAIN, flags, key, tools
from local.shell import StepError

FILES = {"go.mod": b"module x\n", "go.sum": b"a h1:b\n", "main.go": b"package main\n"}


def test_the_key_is_the_same_for_the_same_inputs() -> None:
    assert key(FILES, PLAIN) == key(dict(reversed(FILES.items())), PLAIN)
    assert len(key(FILES, PLAIN)) == 12


@pytest.mark.parametrize("name", FILES)
def test_the_key_changes_with_every_file(name: str) -> None:
    assert key({**FILES, name: b"other"}, PLAIN) != key(FILES, PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(PLAIN, cgo=True),
        dataclasses.replace(PLAIN, stamps={"v": "2"}),
        dataclasses.replace(PLAIN, embeds={"m": ("f",)}),
    ],
)
def test_the_key_changes_with_how_it_is_built(other: modules.Module) -> None:
    assert key(FILES, other) != key(FILES, PLAIN)


def test_programs_are_those_of_the_tool_directives() -> None:
    assert tools("module x\n\ntool a/b/one\n\nrequire a v1\n") == ["a/b/one"]
    assert tools("module x\n\ntool (\n\ta/one\n\tb/two\n)\n") == ["a/one", "b/two"]
    assert tools("module x\n") == ["."]


def test_version_stamps_reach_the_linker() -> None:
    told = flags(MODULE["kubernetes"])
    assert "-X k8s.io/component-base/version.gitVersion=v1.34.4" in told[told.index("-ldflags") + 1]


def test_every_module_in_the_table_has_its_files_and_no_other_module_is_there() -> None:
    assert {path.name for path in modules.MODULES.iterdir()} == set(MODULE)
    for name in MODULE:
        assert (modules.MODULES / name / "go.sum").exists()


def test_the_version_that_pulumi_tells_is_the_one_it_is_built_from() -> None:
    go_mod = (modules.MODULES / "pulumi" / "go.mod").read_text()
    (stamp,) = MODULE["pulumi"].stamps.values()
    assert f"github.com/pulumi/pulumi/pkg/v3 {stamp}" in go_mod


def test_the_version_that_kubernetes_tells_is_the_one_it_is_built_from() -> None:
    go_mod = (modules.MODULES / "kubernetes" / "go.mod").read_text()
    assert (
        f"k8s.io/kubernetes {MODULE['kubernetes'].stamps['k8s.io/component-base/version.gitVersion']}"
        in go_mod
    )


def test_a_machine_without_go_is_told_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError, match="go.dev"):
        modules.check_go()
