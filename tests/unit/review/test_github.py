"""One comment and one issue, written again in place; GitHub is a server of the test."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from review.github import AUTHOR, GitHubError, Repository

MARKER = "<!-- coffea-casa preview of opendata -->"


class FakeGitHub(HTTPServer):
    """Keeps comments of pull request 7 and issues; answers pages as GitHub does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    def add(self, kept: list[dict[str, Any]], login: str = AUTHOR, **fields: Any) -> None:
        number = 100 + len(kept)
        kept.append({"id": number, "number": number, "user": {"login": login}, "state": "open", **fields})


class Handler(BaseHTTPRequestHandler):
    server: FakeGitHub

    def do_GET(self) -> None:
        kept = self.server.comments if "comments" in self.path else self._open()
        page = int((re.search(r"[?&]page=(\d+)", self.path) or [0, 1])[1])
        self._answer(kept[100 * (page - 1) : 100 * page])

    def _open(self) -> list[dict[str, Any]]:
        return [issue for issue in self.server.issues if issue["state"] == "open"]

    def do_POST(self) -> None:
        kept = self.server.comments if self.path == "/repos/o/r/issues/7/comments" else self.server.issues
        self.server.add(kept, **self._content())
        self._answer(kept[-1], 201)

    def do_PATCH(self) -> None:
        kept = self.server.comments if "comments" in self.path else self.server.issues
        found = next(entry for entry in kept if str(entry["id"]) == self.path.rsplit("/", 1)[-1])
        found.update(self._content())
        self._answer(found)

    def _content(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, content: Any, status: int = 200) -> None:
        self.server.tokens.add(self.headers["Authorization"])
        if self.headers["Authorization"] != "Bearer good":
            content, status = {"message": "Bad credentials"}, 401
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeGitHub]:
    with FakeGitHub() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def repository(server: FakeGitHub, token: str = "good") -> Repository:
    return Repository("o/r", token, f"http://127.0.0.1:{server.server_port}")


def test_a_comment_is_made_once_and_then_edited(server: FakeGitHub) -> None:
    for text in ("first", "second"):
        repository(server).comment(7, f"{MARKER}\n{text}")
    assert [comment["body"] for comment in server.comments] == [f"{MARKER}\nsecond"]


def test_each_stack_has_a_comment_of_its_own(server: FakeGitHub) -> None:
    repository(server).comment(7, f"{MARKER}\nx")
    repository(server).comment(7, f"{MARKER.replace('opendata', 'unl')}\nx")
    assert len(server.comments) == 2


def test_the_comment_is_found_behind_many_others(server: FakeGitHub) -> None:
    for number in range(250):
        server.add(server.comments, login="somebody", body=f"comment {number}")
    server.add(server.comments, body=f"{MARKER}\nold")
    repository(server).comment(7, f"{MARKER}\nnew")
    assert len(server.comments) == 251 and server.comments[250]["body"].endswith("new")


def test_a_comment_of_somebody_else_with_our_marker_is_let_be(server: FakeGitHub) -> None:
    server.add(server.comments, login="somebody", body=f"{MARKER}\nmine")
    repository(server).comment(7, f"{MARKER}\nnew")
    assert server.comments[0]["body"] == f"{MARKER}\nmine" and len(server.comments) == 2


def test_a_text_without_a_marker_is_no_comment_of_ours(server: FakeGitHub) -> None:
    with pytest.raises(GitHubError, match="no marker"):
        repository(server).comment(7, "text")


def test_an_issue_is_made_edited_closed_and_made_again(server: FakeGitHub) -> None:
    for body in ("first", "second", None, None, "third"):
        repository(server).issue("Drift", body)
    assert [(issue["body"], issue["state"]) for issue in server.issues] == [
        ("second", "closed"),
        ("third", "open"),
    ]


def test_an_issue_of_somebody_else_or_a_pull_request_is_let_be(server: FakeGitHub) -> None:
    server.add(server.issues, login="somebody", title="Drift", body="mine")
    server.add(server.issues, title="Drift", body="ours", pull_request={})
    repository(server).issue("Drift", None)
    assert [issue["state"] for issue in server.issues] == ["open", "open"]


def test_a_refusal_is_told_without_the_token(server: FakeGitHub) -> None:
    with pytest.raises(GitHubError, match="401.*Bad credentials") as told:
        repository(server, token="stolen").comment(7, f"{MARKER}\nx")
    assert "stolen" not in str(told.value)


def test_no_server_is_told() -> None:
    with pytest.raises(GitHubError, match="did not answer"):
        Repository("o/r", "good", "http://127.0.0.1:9").issue("Drift", "x")


def test_what_is_missing_in_the_environment_is_named() -> None:
    with pytest.raises(GitHubError, match="GITHUB_REPOSITORY and GITHUB_TOKEN"):
        Repository.of({"GITHUB_TOKEN": ""})
