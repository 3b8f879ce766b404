"""What the guides name exists: targets, files, links, settings, programs in pods."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from settings import SettingsError, load
from settings.schema import stack_schema
from tests import guides, harness
from tests.guides import GUIDES, ROOT, Block, anchors, blocks, commands, prose, spans
from tools.stackfiles import settings_of

OPERATOR, PHYSICIST = ROOT / "docs" / "operator.md", ROOT / "docs" / "physicist.md"
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
VARIABLES = {"STACK", "ARGS", "CONTEXT", "REGISTRY", "PYTHON"}
ROOMS = {entry.name for entry in ROOT.iterdir()} - {"build"}
CALLED = {"Deployment": ("deploy/{}", "deployment/{}"), "StatefulSet": ("{}-0", "statefulset/{}")}
"""How kubectl is told of a pod of that kind."""
PARTIAL = {"xcache"}
"""Sections of which a block shows the lines that matter; others stand there as a whole."""
BASES = [settings_of((ROOT / f"Pulumi.{stack}.yaml").read_text())[0] for stack in harness.STACKS]


@pytest.fixture(params=GUIDES, ids=lambda guide: cast(Path, guide).name)
def guide(request: pytest.FixtureRequest) -> Path:
    """Each guide."""
    return request.param


def console(guide: str) -> list[str]:
    """Return every command of a guide's console blocks."""
    return [command for b in blocks(guide) if b.language == "console" for command in commands(b.text)]


def unknown_targets(guide: str) -> set[str]:
    """Return the `make` commands, and their variables, that the Makefile does not have."""
    typed = [part for line in (*console(guide), *spans(guide)) for part in line.split(" && ")]
    made = [line.split() for line in typed if line.startswith("make ")]
    targets = {words[1] for words in made} - TARGETS
    given = {word.split("=")[0] for words in made for word in words[2:] if re.match(r"[A-Z]+=", word)}
    return targets | given - VARIABLES


def broken_links(guide: str, place: Path) -> list[str]:
    """Return the links to files and headings that are not there; `place` is the guide's folder."""
    broken: list[str] = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(guide)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = place / path
        if path and not target.exists():
            broken.append(link)
            continue
        text = target.read_text() if path and anchor else guide
        if anchor and anchor not in anchors(text):
            broken.append(link)
    return broken


def missing_files(guide: str) -> list[str]:
    """Return the files of this repository in `code` that are not there; NAME stands for any."""
    named = [span for span in spans(guide) if "/" in span and span.split("/")[0] in ROOMS and " " not in span]
    return [name for name in named if not any(ROOT.glob(re.sub(r"[A-Z]{3,}", "*", name.rstrip("/"))))]


def unknown_settings(guide: str) -> list[str]:
    """Return the settings in `code` that the schema does not have."""
    sections = stack_schema()["properties"]["config"]["properties"]
    unknown: list[str] = []
    for span in spans(guide):
        name = re.fullmatch(r"(coffea-casa:)?([a-z]\w*(?:\.\w+)*)(: .*)?", span)
        if not name:
            continue
        section, *keys = name[2].split(".")
        if f"coffea-casa:{section}" not in sections or not (name[1] or keys):
            if name[1]:
                unknown.append(span)
            continue
        node = sections[f"coffea-casa:{section}"]
        for key in keys:
            found = [found for found in properties(node) if key in found]
            if not found:
                unknown.append(span)
                break
            node = found[0][key]
    return unknown


def properties(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the properties that a node of the schema may have, also one of a list."""
    if "properties" in node:
        yield node["properties"]
    for inner in (node.get("items"), *node.get("anyOf", ()), *node.get("oneOf", ())):
        if inner:
            yield from properties(inner)


def shown_settings(guide: str) -> list[dict[str, Any]]:
    """Return the stack files' parts that a guide shows."""
    shown = [yaml.safe_load(b.text) for b in blocks(guide) if b.language == "yaml"]
    return [part for part in shown if any(key.startswith("coffea-casa:") for key in part)]


def refused(part: dict[str, Any]) -> list[str]:
    """Return why each stack that has this part is refused; nothing where it fits at least one."""
    given = {key.removeprefix("coffea-casa:"): value for key, value in part.items()}
    reasons: list[str] = []
    for base in BASES:
        merged = {key: base[key] | value if key in PARTIAL else value for key, value in given.items()}
        whole = base | merged
        secret = {"clientSecret": "x"} if "issuer" in whole.get("identity", {}) else {}
        try:
            load(whole | secret, stack="opendata", secrets=frozenset(secret))
        except SettingsError as error:
            reasons.append(str(error))
        else:
            return []
    return reasons


def workloads() -> dict[str, set[str]]:
    """Return what kubectl may be told, such as deploy/hub or condor-schedd-0, to the containers in it."""
    found: dict[str, set[str]] = {}
    for stack in harness.STACKS:
        for made in harness.recorded(stack).objects:
            if made.kind in CALLED:
                pod = made.inputs["spec"]["template"]["spec"]
                names = {c["name"] for c in [*pod["containers"], *pod.get("initContainers", ())]}
                for called in CALLED[made.kind]:
                    found.setdefault(called.format(made.metadata_name), set()).update(names)
    return found


def unknown_workloads(guide: str, known: dict[str, set[str]]) -> list[str]:
    """Return the kubectl commands that name a pod or a container no stack has."""
    unknown: list[str] = []
    for line in [line for line in (*console(guide), *spans(guide)) if line.startswith("kubectl ")]:
        target = re.search(r"\b(?:logs|exec(?: -i)?|scale|rollout \w+) ([\w/-]+)", line)
        if not target or not re.search(r"/|-\d$", target[1]):
            continue
        container = re.search(r" -c ([\w-]+)", line.split(" -- ")[0])
        if target[1] not in known or container and container[1] not in known[target[1]]:
            unknown.append(line)
    return unknown


def test_commands_are_the_makefiles(guide: Path) -> None:
    assert unknown_targets(guide.read_text()) == set()


def test_links_lead_somewhere(guide: Path) -> None:
    assert broken_links(guide.read_text(), guide.parent) == []


def test_files_are_there(guide: Path) -> None:
    assert missing_files(guide.read_text()) == []


def test_settings_are_in_the_schema() -> None:
    assert unknown_settings(OPERATOR.read_text()) == []


@pytest.mark.parametrize("part", shown_settings(OPERATOR.read_text()), ids=lambda part: " ".join(part))
def test_settings_that_are_shown_are_taken(part: dict[str, Any]) -> None:
    assert refused(part) == []


def test_programs_in_pods_have_the_names_that_are_told() -> None:
    known = workloads()
    assert [line for guide in GUIDES for line in unknown_workloads(guide.read_text(), known)] == []


def test_every_command_is_shell_and_every_program_is_python(guide: Path) -> None:
    for block in blocks(guide.read_text()):
        if block.language == "python":
            compile(block.text, f"{guide.name}: {block.heading}", "exec")
        for command in commands(block.text) if block.language == "console" else ():
            done = subprocess.run(["bash", "-n", "-c", command.rstrip("\\")], capture_output=True, text=True)
            assert done.returncode == 0, f"{command}\n{done.stderr}"


BAD = """
# Bad

`make nothing`, `make check STACKS=x`, [gone](gone.md), [no heading](#none), `components/nothing.py`,
`xcache.siz`, `coffea-casa:cache`, `kubectl logs deploy/nobody`, `kubectl logs xcache-0 -c nobody`

```yaml
coffea-casa:xcache: {size: much}
```
"""


def test_what_is_not_there_is_found() -> None:
    assert unknown_targets(BAD) == {"nothing", "STACKS"}
    assert broken_links(BAD, ROOT) == ["gone.md", "#none"]
    assert missing_files(BAD) == ["components/nothing.py"]
    assert unknown_settings(BAD) == ["xcache.siz", "coffea-casa:cache"]
    assert len(unknown_workloads(BAD, workloads())) == 2
    assert all("coffea-casa:xcache.size" in reason for reason in refused(shown_settings(BAD)[0]))
    assert refused(shown_settings(BAD)[0])


def test_blocks_have_the_heading_before_them() -> None:
    text = (
        "# One\n\n```console\n$ a  # why\nout\n# b\n```\n\n"
        "## Two\n\n- item\n\n  ```python\n  # no heading\n  x = 1\n  ```\n"
    )
    assert blocks(text) == [
        Block("One", "console", "$ a  # why\nout\n# b"),
        Block("Two", "python", "# no heading\nx = 1"),
    ]
    assert commands(blocks(text)[0].text) == ["a", "b"]


def test_a_block_that_is_gone_is_an_error() -> None:
    with pytest.raises(LookupError, match="operator.md has no python"):
        guides.under(OPERATOR, "Back up", "python")
