"""From answers to the text of a stack file: the parts in ``parts/``, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import yaml

from tools.new_stack.questions import QUESTIONS, Question

PARTS = Path(__file__).with_name("parts")


def stack_file(name: str, answers: Mapping[str, str]) -> str:
    """Return the text of ``Pulumi.NAME.yaml``."""
    values = {question.name.replace("-", "_"): _shown(question, answers) for question in QUESTIONS}
    files = ["head", *(file for question in QUESTIONS for file in _files(question, answers))]
    return "".join(_part(file, values | {"name": name}) for file in files)


def _files(question: Question, answers: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the parts that an answer may have: its own for each choice, after a common one."""
    answer = answers.get(question.name)
    if answer:
        yield question.name
        if question.choices:
            yield from (f"{question.name}.{word}" for word in question.words(answer))


def _part(file: str, values: Mapping[str, str]) -> str:
    path = PARTS / f"{file}.yaml"
    return Template(path.read_text()).substitute(values) if path.is_file() else ""


def _shown(question: Question, answers: Mapping[str, str]) -> str:
    """Return an answer as YAML on one line, a list of those that may be several."""
    answer = answers.get(question.name, "")
    value = question.words(answer) if question.many else answer
    # A number is what the settings want where the question's own default is one.
    if (question.default or "").isdigit() and answer.isdigit():
        value = int(answer)
    # JSON for what YAML would write on several lines; the settings refuse it by its key.
    if not answer.isprintable():
        return json.dumps(value)
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).split("\n")[0]
