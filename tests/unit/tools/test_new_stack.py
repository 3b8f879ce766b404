"""A new site: its file is valid and commented, and nothing wrong is ever written."""

from __future__ import annotations

import itertools
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from settings import SettingsError, load
from settings.schema import stack_schema
from tools.new_stack.__main__ import main
from tools.new_stack.questions import QUESTIONS, UnusedAnswerError, answered
from tools.new_stack.text import PARTS
from tools.stackfiles import settings_of

ROOT = Path(__file__).parents[3]
KNOWN = {
    "url": "https://af.example.org",
    "registry": "registry.example.org/af",
    "first-user": "ada@example.org",
    "issuer": "https://issuer.example.org/",
    "client-id": "facility",
    "groups": "cms,atlas",
    "users": "ada",
    "origin": "data.example.org",
    "prefix": "/store",
}
CHOICES = [
    dict(zip(("reached", "identity", "xcache", "dask-router", "access"), combination, strict=True))
    for combination in itertools.product(
        ("ingress", "load-balancer", "node-port"),
        ("own", "external"),
        ("none", "public", "authorised"),
        ("none", "load-balancer", "node-port", "cluster-ip"),
        ("groups", "users", "everyone"),
    )
    # Who may log in has nothing to do with how one gets there.
    if combination[4] == "groups" or (combination[0], combination[1]) == ("ingress", "external")
]
SCHEMA = jsonschema.Draft202012Validator(stack_schema())


def flags(answers: dict[str, str]) -> list[str]:
    """Return the flags of the answers that apply."""
    found: dict[str, str] = {}
    for question in QUESTIONS:
        if question.applies(found):
            found[question.name] = answers.get(question.name, question.otherwise)
    return [word for name in found if name in answers for word in (f"--{name}", answers[name])]


def written(directory: Path, *arguments: str, name: str = "site") -> str:
    """Return the file of a site that must be written."""
    assert main([name, "--directory", str(directory), *arguments]) == 0
    return (directory / f"Pulumi.{name}.yaml").read_text()


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there to ask."""
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115 (pytest puts the other one back)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: "-".join(choice.values()))
def test_every_choice_makes_a_file_that_program_and_editors_accept(
    choice: dict[str, str], tmp_path: Path
) -> None:
    text = written(tmp_path, *flags(KNOWN | choice))
    raw, secrets = settings_of(text)
    assert not secrets
    external = choice["identity"] == "external"
    settings = load(
        raw | ({"clientSecret": "x"} if external else {}),
        stack="site",
        secrets=frozenset({"clientSecret"}) if external else frozenset(),
    )
    SCHEMA.validate(yaml.safe_load(text))
    assert settings.public.url == KNOWN["url"]
    assert (settings.public.ingress is not None) is (choice["reached"] == "ingress")
    assert (settings.identity.issuer is not None) is external
    assert (settings.xcache.mode if settings.xcache else "none") == choice["xcache"]
    assert (settings.dask_router is None) is (choice["dask-router"] == "none")


def test_every_part_belongs_to_a_question_and_every_choice_but_none_has_one() -> None:
    files = {path.name.removesuffix(".yaml") for path in PARTS.iterdir()}
    names = {question.name for question in QUESTIONS}
    choices = {f"{question.name}.{choice}" for question in QUESTIONS for choice in question.choices}
    assert files - {"head"} <= names | choices
    assert choices - {"xcache.none", "dask-router.none"} <= files


def test_the_file_says_what_its_settings_are_for(tmp_path: Path) -> None:
    text = written(tmp_path, *flags(KNOWN | {"identity": "external", "xcache": "public"}))
    sections = text.split("  coffea-casa:")[1:]
    assert text.count("  # ") >= len(sections) - 1


def test_what_nobody_knows_yet_stays_as_placeholders_and_each_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, _ = settings_of(written(tmp_path, "--identity", "external", "--xcache", "authorised"))
    with pytest.raises(SettingsError) as caught:
        load(raw | {"clientSecret": "x"}, stack="site", secrets=frozenset({"clientSecret"}))
    refused = {problem.key for problem in caught.value.problems if "is a placeholder" in problem.wrong}
    assert refused == {
        "public.url",
        "images.registry",
        "identity.issuer",
        "identity.clientId",
        "access.groups[0]",
        "xcache.origin",
        "xcache.prefix",
    }
    told = capsys.readouterr().out
    for key in refused - {"access.groups[0]"}:
        assert f"pulumi config set --stack site --path coffea-casa:{key} VALUE" in told
    # The shell would take the brackets for a pattern.
    assert "--path 'coffea-casa:access.groups[0]' VALUE" in told


def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Pulumi.site.yaml").write_text("mine")
    assert main(["site", "--directory", str(tmp_path)]) == 2
    assert (tmp_path / "Pulumi.site.yaml").read_text() == "mine"
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["My_Site", "../elsewhere", "a.b", "-a", "a" * 64, "a\nb", "é", ""])
def test_a_name_that_cannot_be_one_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--directory={tmp_path}", "--", name]) == 2
    assert "coffea-casa:namespace: " in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


BAD = [
    (["--url", "http://af.example.org"], "coffea-casa:public.url: "),
    (["--url", "https://af.example.org/hub"], "coffea-casa:public.url: "),
    (["--registry", "https://registry.example.org"], "coffea-casa:images.registry: "),
    (["--storage-class", "Fast!"], "coffea-casa:kubernetes.storageClass: "),
    (["--pull-secret", "A B"], "coffea-casa:images.pullSecret: "),
    (["--first-user", "ada"], "coffea-casa:identity.users[0]: "),
    (["--first-user", "a@b.c\nx: y"], "coffea-casa:identity.users[0]: "),
    (["--identity", "external", "--issuer", "http://i"], "coffea-casa:identity.issuer: "),
    (["--identity", "external", "--client-id", "a\x00b"], "coffea-casa:identity.clientId: "),
    (["--identity", "external", "--groups", "cms,"], "coffea-casa:access.groups[1]: "),
    (["--reached", "node-port", "--node-port", "443"], "coffea-casa:public.nodePort: "),
    (["--reached", "node-port", "--node-port", "many"], "coffea-casa:public.nodePort: "),
    (["--xcache", "public", "--origin", "root://x"], "coffea-casa:xcache.origin: "),
    (["--xcache", "public", "--prefix", "store/"], "coffea-casa:xcache.prefix: "),
    (["--xcache", "public", "--cache-size", "big"], "coffea-casa:xcache.size: "),
    (["--xcache", "public", "--origin", "x]: {y"], "coffea-casa:xcache.origin: "),
    (["--profiles", "small,small"], "coffea-casa:session.profiles: "),
    (["--xcache", "none", "--origin", "data.example.org"], "--origin data.example.org: is unused"),
    (["--identity", "own", "--issuer", "https://i.example.org"], "goes with --identity external"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=lambda value: str(value)[:40])
def test_a_wrong_answer_is_refused_in_the_settings_own_words(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["site", "--directory", str(tmp_path), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_choice_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["site", "--directory", str(tmp_path), "--xcache", "yes"])
    assert "--xcache yes: write none or public or authorised" in capsys.readouterr().err


def test_an_answer_that_does_not_apply_is_told_with_what_it_goes_with() -> None:
    with pytest.raises(UnusedAnswerError, match="--groups-claim g: .* --access groups"):
        answered({"groups-claim": "g"})


def test_at_a_terminal_it_asks_and_asks_again(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tools.new_stack", "site", "--directory", str(tmp_path)]
    known = ["--url", KNOWN["url"], "--reached", "ingress", "--registry", KNOWN["registry"]]
    process = subprocess.Popen(
        [*command, *known],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        text=True,
    )
    os.close(theirs)
    for answer in ["", "", "", "nobody", "external", "", "", "", "", "", "small", "public", "", "", "", ""]:
        os.write(ours, f"{answer}\n".encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, said
    assert "write own or external" in said
    raw, _ = settings_of((tmp_path / "Pulumi.site.yaml").read_text())
    assert raw["public"]["url"] == KNOWN["url"]
    assert raw["identity"]["issuer"] == "https://changeme.example.org/"
    assert [profile["name"] for profile in raw["session"]["profiles"]] == ["small"]
    assert raw["xcache"]["size"] == "500Gi"


def test_an_end_of_input_writes_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tools.new_stack", "site", "--directory", str(tmp_path)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, text=True
    )
    os.close(theirs)
    os.write(ours, b"\x04")  # what a terminal makes an end of input of
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 2
    assert "nothing is written" in said
    assert not list(tmp_path.iterdir())
