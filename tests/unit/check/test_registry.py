"""A registry on loopback that is asked for manifests and never for an image."""

from __future__ import annotations

from typing import Any

import pytest

from check.registry import ImageError, look, parsed, pullable, references
from images.table import IMAGES, reference
from tests.unit.check.conftest import Answer, Server, settings


def site(server: Server, **more: Any) -> Any:
    return settings(images={"registry": f"{server.url.removeprefix('https://')}/af", **more})


def path(name: str) -> str:
    repository, _, tag = reference("af", name).partition(":")
    return f"/v2/{repository}/manifests/{tag}"


@pytest.fixture
def full(server: Server) -> Server:
    """A registry with every image."""
    server.answers |= {path(name): Answer() for name in IMAGES}
    return server


def test_every_image_is_asked_for_and_none_is_fetched(full: Server) -> None:
    found = pullable(site(full), full.ca)
    assert found.verdict == "ok", found
    assert all(line.startswith("HEAD ") for line in full.asked)
    assert f"HEAD {path('session')}" in full.asked
    assert f"HEAD {path('base')}" not in full.asked


def test_an_image_that_is_missing_fails_by_name_with_the_command_that_pushes_it(full: Server) -> None:
    del full.answers[path("session")]
    found = pullable(site(full), full.ca)
    assert found.verdict == "FAILED"
    assert "/af/session:" in found.text
    assert "the registry says 404" in found.text
    assert "make images REGISTRY=localhost:" in found.remedy


def test_a_registry_that_gives_everybody_a_token_is_ok(server: Server) -> None:
    def guarded(request: Any) -> Answer:
        if request.headers.get("Authorization") == "Bearer for-all":
            return Answer()
        challenge = f'Bearer realm="{server.url}/token",service="r"'
        return Answer(401, headers={"WWW-Authenticate": challenge})

    server.answers |= {"/v2/a/b/manifests/1": guarded, "/token": Answer(body={"token": "for-all"})}
    host = server.url.removeprefix("https://")
    look(f"{host}/a/b:1", server.ca)
    assert "GET /token?service=r&scope=repository%3Aa%2Fb%3Apull" in server.asked
    server.answers["/token"] = Answer(body={"token": "for-nobody"})
    with pytest.raises(ImageError, match="401"):
        look(f"{host}/a/b:1", server.ca)
    server.answers["/token"] = Answer(403)
    with pytest.raises(ImageError, match="401"):
        look(f"{host}/a/b:1", server.ca)


def test_a_registry_that_wants_a_password_fails(server: Server) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="r"'}
    server.answers["/v2/a/b/manifests/1"] = Answer(401, headers=challenge)
    with pytest.raises(ImageError, match="401"):
        look(f"{server.url.removeprefix('https://')}/a/b:1", server.ca)


def test_a_certificate_of_nobody_known_fails(full: Server) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in pullable(site(full)).text


@pytest.mark.parametrize(
    "images",
    [
        {},
        {"registry": "registry.example.org/af", "pullSecret": "pull"},
        {"registry": "registry.example.org/af", "pullPolicy": "Never"},
    ],
)
def test_what_only_the_cluster_can_pull_is_not_asked_for(images: dict[str, str]) -> None:
    assert pullable(settings(images=images)).verdict == "not applicable"


def test_overrides_and_profiles_images_count() -> None:
    profile = {"name": "a", "title": "A", "image": "r.example.org/mine:1"}
    found = references(
        settings(images={"overrides": {"hub": "r.example.org/hub:2"}}, session={"profiles": [profile]})
    )
    assert {"r.example.org/mine:1", "r.example.org/hub:2"} <= set(found)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("r.example.org:5000/a/b:1.2", ("r.example.org:5000", "a/b", "1.2")),
        ("localhost/a:1", ("localhost", "a", "1")),
        ("r.example.org/a@sha256:" + "0" * 64, ("r.example.org", "a", "sha256:" + "0" * 64)),
        ("r.example.org/a:1@sha256:" + "0" * 64, ("r.example.org", "a", "sha256:" + "0" * 64)),
        ("python:3.13", ("registry-1.docker.io", "library/python", "3.13")),
        ("jupyter/base:1", ("registry-1.docker.io", "jupyter/base", "1")),
    ],
)
def test_references_are_taken_apart(text: str, parts: tuple[str, str, str]) -> None:
    assert parsed(text) == parts
