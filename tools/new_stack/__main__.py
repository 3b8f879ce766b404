"""Writes the stack file of a new site, and tells what else the site needs.

    python -m tools.new_stack NAME [--url https://... --xcache public ...]

At a terminal it asks for whatever no flag tells. A value that nobody knows yet stays as a
placeholder, which the settings refuse. A file that is there already is never touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from settings import SettingsError, examine
from settings.loader import CLIENT_SECRET
from settings.rules import placeholders
from tools.needs import needs, told
from tools.new_stack.questions import QUESTIONS, Question, UnusedAnswerError, answered
from tools.new_stack.text import stack_file
from tools.recording import ROOT
from tools.stackfiles import settings_of


def ask(question: Question) -> str:
    """Ask at the terminal until there is an answer that can be one."""
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    stands_in = question.otherwise or "none"
    while True:
        answer = input(f"{question.text}{choices} [{stands_in}]: ").strip()
        if not answer or question.takes(answer):
            return answer
        print(f"  write {' or '.join(question.choices)}")


def composed(name: str, answers: dict[str, str]) -> tuple[str, str]:
    """Return a stack file, and what its operator must provide. Raises SettingsError.

    Of what is wrong with a file, placeholders alone may stay.
    """
    # Before it is part of a text that is to be read.
    _, wrong = examine({}, stack=name)
    if wrong:
        raise SettingsError(name, wrong)
    text = stack_file(name, answers)
    raw, _ = settings_of(text)
    if answers["identity"] == "external":
        # It is encrypted by the stack, which is not there yet.
        raw = raw | {CLIENT_SECRET: ""}
    settings, problems = examine(raw, stack=name, secrets=frozenset({CLIENT_SECRET}) & raw.keys())
    unwritten = placeholders(raw)
    wrong = [problem for problem in problems if problem not in unwritten]
    if wrong or settings is None:
        raise SettingsError(name, wrong)
    return text, told(needs(settings, name, unwritten))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one stack file; return the exit status: 2 where nothing is written."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m tools.new_stack", description=summary)
    parser.add_argument("name", help="of the stack, and of its namespace")
    parser.add_argument("--directory", type=Path, default=ROOT, help="where the file goes; the project's own")
    for question in QUESTIONS:
        choices = f": {', '.join(question.choices)}" if question.choices else ""
        parser.add_argument(f"--{question.name}", metavar="ANSWER", help=f"{question.text}{choices}")
    given = vars(parser.parse_args(arguments))
    name, directory = given.pop("name"), given.pop("directory")
    told_answers = {question.name: given[question.name.replace("-", "_")] for question in QUESTIONS}
    for question in QUESTIONS:
        answer = told_answers[question.name]
        if answer is not None and not question.takes(answer):
            parser.error(f"--{question.name} {answer}: write {' or '.join(question.choices)}")
    file: Path = directory / f"Pulumi.{name}.yaml"
    try:
        if file.exists():
            raise FileExistsError
        answers = answered(told_answers, ask if sys.stdin.isatty() else None)
        text, advice = composed(name, answers)
        # "x": somebody may have made it while we asked.
        with file.open("x") as content:
            content.write(text)
    except FileExistsError:
        print(f"new_stack: {file.name} is there already and stays as it is", file=sys.stderr)
        return 2
    except (SettingsError, UnusedAnswerError) as error:
        print(f"new_stack: nothing is written: {error}", file=sys.stderr)
        return 2
    except EOFError:
        print("\nnew_stack: nothing is written", file=sys.stderr)
        return 2
    print(f"{file.name} is written. What it needs before the first `pulumi up --stack {name}`:\n\n{advice}\n")
    print(f"Then see what of it is in order: make check STACK={name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
