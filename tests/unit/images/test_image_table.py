"""Tags follow what an image is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from images import table


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in place of the real one; it lies under a directory called tests, as a checkout may."""
    project = tmp_path / "tests" / "project"
    contents = {
        "images/base/Containerfile": "FROM debian",
        "images/hub/Containerfile": "FROM base",
        "images/proxy/Containerfile": "FROM base",
        "services/hub/spawner.py": "a = 1",
        "services/hub/tests/test_spawner.py": "assert True",
        "services/hub/__pycache__/spawner.pyc": "x",
        "services/gateway/limits.py": "b = 1",
        "requirements/hub.txt": "a==1",
    }
    for name, text in contents.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.setattr(table, "ROOT", project)
    return project


def tags() -> dict[str, str]:
    return {name: table.tag(name) for name in ("base", "hub", "proxy")}


def test_a_reference_has_the_registry_the_name_and_the_tag(root: Path) -> None:
    assert (
        table.reference("registry.example.org/a", "hub") == f"registry.example.org/a/hub:{table.tag('hub')}"
    )


@pytest.mark.parametrize(
    "changed", ["services/hub/spawner.py", "images/hub/Containerfile", "requirements/hub.txt"]
)
def test_a_changed_input_changes_the_tag_of_its_image_alone(root: Path, changed: str) -> None:
    before = tags()
    (root / changed).write_text("changed")
    after = tags()
    assert after["hub"] != before["hub"]
    assert (after["base"], after["proxy"]) == (before["base"], before["proxy"])


def test_a_new_and_a_renamed_input_change_the_tag(root: Path) -> None:
    first = table.tag("hub")
    (root / "services/hub/new.py").write_text("")
    second = table.tag("hub")
    (root / "services/hub/new.py").rename(root / "services/hub/newer.py")
    assert len({first, second, table.tag("hub")}) == 3


def test_a_changed_base_changes_every_tag(root: Path) -> None:
    before = tags()
    (root / "images/base/Containerfile").write_text("FROM debian:changed")
    after = tags()
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize(
    "other",
    [
        "services/gateway/limits.py",
        "services/hub/tests/test_spawner.py",
        "services/hub/__pycache__/spawner.pyc",
    ],
)
def test_what_is_not_in_the_image_does_not_change_its_tag(root: Path, other: str) -> None:
    before = table.tag("hub")
    (root / other).write_text("changed")
    assert table.tag("hub") == before


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        table.tag("hubb")


@pytest.mark.parametrize("name", table.IMAGES)
def test_every_image_of_the_table_has_its_inputs(name: str) -> None:
    for path in (f"images/{name}/Containerfile", *table.IMAGES[name].inputs):
        assert (table.ROOT / path).exists(), path
