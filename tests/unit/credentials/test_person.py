"""Requests are read strictly."""

from __future__ import annotations

import json

import pytest

from services.credentials.person import BODY_BYTES, Person, RequestError, read


def body(**fields: object) -> bytes:
    return json.dumps({"user": "ada@example.org", "slug": "ada"} | fields).encode()


def test_a_good_request_names_a_person() -> None:
    assert read(body()) == Person(user="ada@example.org", slug="ada")


@pytest.mark.parametrize(
    "user", ["hub", "Ada Lovelace", "ådå@example.org", "a" * 255, "a,CN=hub", "{slug}", "/"]
)
def test_any_printable_name_is_a_user(user: str) -> None:
    assert read(body(user=user)).user == user


@pytest.mark.parametrize("slug", ["a", "7", "a--b", "a" * 63, "ada-example-org---8b1d2c3e"])
def test_a_dns_label_is_a_slug(slug: str) -> None:
    assert read(body(slug=slug)).slug == slug


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"ada"',
        b"{",
        b"{} {}",
        b"\xff\xfe",
        b"[" * BODY_BYTES,
        b'{"user":"ada","user":"eve","slug":"ada"}',
        b'{"user":"ada","slug":"ada","slug":"ada"}',
        b'{"user":"\\ud800","slug":"ada"}',
        b"{'user':'ada','slug':'ada'}",
    ],
)
def test_what_is_no_single_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestError):
        read(raw)


@pytest.mark.parametrize("missing", ["user", "slug"])
def test_a_missing_field_is_refused_by_its_name(missing: str) -> None:
    fields = {"user": "ada", "slug": "ada"}
    del fields[missing]
    with pytest.raises(RequestError, match=f"{missing} is missing"):
        read(json.dumps(fields).encode())


@pytest.mark.parametrize("field", ["scope", "lifetime", "User", "audience", "a\nb"])
def test_an_unknown_field_is_refused(field: str) -> None:
    with pytest.raises(RequestError, match="unknown fields: '") as caught:
        read(body(**{field: "x"}))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("field", ["user", "slug"])
@pytest.mark.parametrize("value", [None, 7, True, 1.5, [], ["ada"], {}, {"a": 1}])
def test_a_field_of_another_type_is_refused(field: str, value: object) -> None:
    with pytest.raises(RequestError, match=f"{field} is no text"):
        read(body(**{field: value}))


@pytest.mark.parametrize(
    "user", ["", " ", " ada", "ada ", "ada\n", "a\0b", "a\x1b[1m", "a\u202eb", "a\u2028b", "a" * 256]
)
def test_a_name_with_what_nobody_can_see_or_too_long_is_refused(user: str) -> None:
    with pytest.raises(RequestError, match="user is no name"):
        read(body(user=user))


@pytest.mark.parametrize(
    "slug", ["", "-a", "a-", "A", "a_b", "a.b", "*", "a/b", "a\n", "å", "a" * 64, "../x", "a b"]
)
def test_what_is_no_dns_label_is_refused(slug: str) -> None:
    with pytest.raises(RequestError, match="slug is no DNS label"):
        read(body(slug=slug))
