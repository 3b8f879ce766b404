"""Passwords of the random stand-in."""

from __future__ import annotations

import string
from typing import Any

import bcrypt
import pytest

from local.plugins import random, resource
from local.plugins.resource import CheckError, Properties

PASSWORD = random.RESOURCES["random:index/randomPassword:RandomPassword"]


def password(**inputs: Any) -> Properties:
    resource.check(PASSWORD, inputs)
    return resource.create(PASSWORD, inputs)[1]


def of(result: str, alphabet: str) -> int:
    return sum(character in alphabet for character in result)


@pytest.mark.parametrize("length", [1, 20, 200])
def test_a_password_has_its_length_and_is_of_the_default_alphabet(length: int) -> None:
    result = password(length=length)["result"]
    assert len(result) == length
    assert set(result) <= set(string.ascii_letters + string.digits + random.SPECIAL)


@pytest.mark.parametrize(
    ("inputs", "alphabet"),
    [
        ({"special": False}, string.ascii_letters + string.digits),
        ({"upper": False, "special": False}, string.ascii_lowercase + string.digits),
        ({"numeric": False, "special": False}, string.ascii_letters),
        ({"number": False, "special": False}, string.ascii_letters),
        ({"upper": False, "lower": False, "overrideSpecial": "abcdef"}, string.digits + "abcdef"),
        ({"upper": False, "lower": False, "numeric": False, "overrideSpecial": ""}, random.SPECIAL),
    ],
)
def test_a_password_uses_all_of_the_chosen_classes_and_no_other(inputs: Properties, alphabet: str) -> None:
    # In 4000 draws from 73 letters at most, one is missing once in 10**22 runs.
    assert set(password(length=4000, **inputs)["result"]) == set(alphabet)


@pytest.mark.parametrize("_", range(20))
def test_a_password_has_at_least_the_minimum_of_each_class(_: int) -> None:
    result = password(length=10, minUpper=2, minLower=3, minNumeric=4, minSpecial=1)["result"]
    assert [
        of(result, alphabet)
        for alphabet in (string.ascii_uppercase, string.ascii_lowercase, string.digits, random.SPECIAL)
    ] == [2, 3, 4, 1]


def test_a_minimum_holds_for_a_class_that_is_not_chosen() -> None:
    assert of(password(length=12, special=False, minSpecial=3)["result"], random.SPECIAL) == 3


def test_the_old_name_of_numeric_sets_both() -> None:
    made = password(length=4, number=False)
    assert (made["number"], made["numeric"]) == (False, False)


@pytest.mark.parametrize("length", [20, 72, 100])
def test_the_hash_is_of_the_password_up_to_its_72nd_byte(length: int) -> None:
    made = password(length=length)
    assert made["bcryptHash"].startswith("$2a$10$")
    assert bcrypt.checkpw(made["result"].encode()[:72], made["bcryptHash"].encode())
    assert not bcrypt.checkpw(b"another", made["bcryptHash"].encode())


def test_the_id_of_a_password_says_nothing() -> None:
    assert password(length=20)["id"] == "none"


def test_no_two_passwords_are_the_same() -> None:
    assert password(length=20)["result"] != password(length=20)["result"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "length: is required"),
        ({"length": 0}, "length: must be at least 1, got 0"),
        ({"length": -3}, "length: must be at least 1"),
        ({"length": "20"}, "length: must be of type int, got '20'"),
        ({"length": True}, "length: must be of type int, got True"),
        ({"length": 5, "minUpper": 3, "minLower": 3}, "length: must be at least the sum of the minimums, 6"),
        (
            {"length": 5, "upper": False, "lower": False, "numeric": False, "special": False},
            "numeric: at least one of upper, lower, numeric and special must be true",
        ),
        (
            {"length": 5, "upper": False, "lower": False, "number": False, "special": False},
            "numeric: at least one of",
        ),
        ({"length": 5, "keepers": "x"}, "keepers: must be of type dict"),
        ({"length": 5, "size": 5}, "size: is no input; the inputs are keepers,"),
    ],
)
def test_bad_inputs_of_a_password_are_refused(inputs: Properties, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        password(**inputs)
