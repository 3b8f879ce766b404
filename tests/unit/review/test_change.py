"""Secrets never get into a change, and differences are told where they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from review.change import SECRET, UNKNOWN, Change, masked, shown
from review.difference import ABSENT, Difference, differences
from review.effects import effects
from review.preview import PreviewError, read

SIGNATURE = "4dabf18193072939515e22adb298388d"


@pytest.mark.parametrize(
    "secret",
    [
        {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"},
        {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "djE6aHVudGVyMg"},
        {SIGNATURE: "a mark that is not known yet", "value": {"a": ["hunter2"]}},
        "-----BEGIN RSA PRIVATE " + "KEY-----\nhunter2",
        "$2b$12$" + "hunter2" * 7 + "abcd",
        "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.aHVudGVyMg",
        f'{{"{SIGNATURE}": "hunter2"}}',
    ],
)
def test_a_secret_is_masked_wherever_it_stands(secret: Any) -> None:
    assert masked({"spec": [{"env": secret}]}) == {"spec": [{"env": SECRET}]}


def test_the_data_of_a_secret_is_masked_though_nothing_marks_it() -> None:
    inputs = {"metadata": {"name": "x"}, "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": {"c": "hunter2"}}}
    assert shown("kubernetes:core/v1:Secret", inputs) == {
        "metadata": {"name": "x"},
        "data": {"a": SECRET},
        "stringData": {"b": {"c": SECRET}},
    }


def test_plain_values_are_let_be() -> None:
    inputs = {"data": {"ca.pem": "-----BEGIN CERTIFICATE-----"}, "n": [1, True, None]}
    assert shown("kubernetes:core/v1:ConfigMap", inputs) == inputs


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c/d": 3}}, [("a.b", 1, 2), ('a["c/d"]', ABSENT, 3)]),
        ({"a": [1, 2]}, {"a": [1]}, [("a[1]", 2, ABSENT)]),
        (
            {"a": [{"name": "x", "v": 1}, {"name": "y", "v": 1}]},
            {"a": [{"name": "y", "v": 2}, {"name": "x", "v": 1}]},
            [("a[y].v", 1, 2)],
        ),
        ({"d": '{"x": {"y": 1}}'}, {"d": '{"x": {"y": 2}}'}, [("d → x.y", 1, 2)]),
        ({"d": '{"x": 1}'}, {"d": "text"}, [("d", '{"x": 1}', "text")]),
        ({"d": "{broken"}, {"d": "{broken too"}, [("d", "{broken", "{broken too")]),
        ({"a": {"b": 1}}, {"a": "b"}, [("a", {"b": 1}, "b")]),
    ],
)
def test_differences_are_told_where_they_are(old: Any, new: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert list(differences(old, new)) == [Difference(*one) for one in found]


def test_entries_of_a_list_are_in_the_order_of_their_numbers() -> None:
    found = differences({"a": list(range(12))}, {"a": list(range(1, 13))})
    assert [one.path for one in found] == [f"a[{number}]" for number in range(12)]


@pytest.mark.parametrize("text", ["", "error: no stack", '{"steps": [', "warning\n{"])
def test_what_is_no_answer_of_the_engine_is_refused(text: str) -> None:
    with pytest.raises(PreviewError):
        read(text)


def step(op: str, **more: Any) -> dict[str, Any]:
    state = {"type": "random:index/randomPassword:RandomPassword", "inputs": {"length": 64}, "protect": True}
    urn = (
        "urn:pulumi:s::p::coffea-casa:index:Hub$random:index/randomPassword:RandomPassword::hub-cookie-secret"
    )
    return {"op": op, "urn": urn, "oldState": state, "newState": state, **more}


def test_the_steps_of_a_replacement_are_one_change() -> None:
    steps = [step("create-replacement"), step("replace", replaceReasons=["length"]), step("delete-replaced")]
    (change,) = read("noise before\n" + json.dumps({"steps": steps})).changes
    assert (change.operation, change.forcing, change.protected) == ("replace", ["length"], True)


def test_another_cookie_secret_logs_everybody_out() -> None:
    change = Change(
        operation="replace", type="random:index/randomPassword:RandomPassword", name="hub-cookie-secret"
    )
    (effect,) = effects([change])
    assert effect.text.startswith("**All users are logged out**")


def test_lost_protection_is_told() -> None:
    change = Change(operation="update", type="kubernetes:core/v1:Namespace", name="n", protected=True)
    assert [effect.text for effect in effects([change])] == ["**`Namespace n` is not protected any more.**"]


def test_messages_of_the_engine_are_masked_line_by_line() -> None:
    told = {
        "steps": [],
        "diagnostics": [
            {"severity": "error", "message": f"bad\n-----BEGIN PRIVATE {'KEY'}-----\nvalue {SIGNATURE} x\n"}
        ],
    }
    assert read(json.dumps(told)).failures == [f"bad\n{SECRET}\n{SECRET}"]


def test_an_unknown_value_is_no_difference_from_itself() -> None:
    assert not list(differences({"a": UNKNOWN}, {"a": UNKNOWN}))
