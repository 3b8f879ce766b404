"""One comment of a pull request and one issue of a repository, found again by their first line.

Protocol: GitHub REST API 2022-11-28, "Issue comments" and "Issues".
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from review.change import Json

PAGE = 100
"""Entries that GitHub gives at most at a time."""
AUTHOR = "github-actions[bot]"
"""Who writes with a workflow's own token: nobody else can lay a trap with our marker."""


class GitHubError(Exception):
    """GitHub refused."""


@dataclass(frozen=True)
class Repository:
    """A repository, and the token to write into it."""

    name: str
    """OWNER/NAME."""
    token: str
    api: str = "https://api.github.com"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Repository:
        """Return the repository of a workflow's environment; raises GitHubError for one without."""
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not environment.get(name)]
        if missing:
            raise GitHubError(f"{' and '.join(missing)} must be set")
        api = environment.get("GITHUB_API_URL") or cls.api
        return cls(environment["GITHUB_REPOSITORY"], environment["GITHUB_TOKEN"], api)

    def comment(self, number: int, body: str) -> None:
        """Write the body into the comment of this pull request that begins like it, or into a new one."""
        found = self._own(f"/issues/{number}/comments", body)
        if found is None:
            self._call("POST", f"/issues/{number}/comments", {"body": body})
        else:
            self._call("PATCH", f"/issues/comments/{found['id']}", {"body": body})

    def issue(self, title: str, body: str | None) -> None:
        """Write the body into the open issue of this title, or into a new one; close it if there is none."""
        mine = (entry for entry in self._all("/issues?state=open") if _by_workflow(entry))
        found = next((entry for entry in mine if entry["title"] == title), None)
        if found is not None:
            change = {"state": "closed", "state_reason": "completed"} if body is None else {"body": body}
            self._call("PATCH", f"/issues/{found['number']}", change)
        elif body is not None:
            self._call("POST", "/issues", {"title": title, "body": body})

    def _own(self, path: str, body: str) -> Json | None:
        marker = body.splitlines()[0]
        if not marker.startswith("<!--"):
            raise GitHubError("the text has no marker in its first line")
        own = (entry for entry in self._all(path) if _by_workflow(entry))
        return next((entry for entry in own if str(entry.get("body")).splitlines()[:1] == [marker]), None)

    def _all(self, path: str) -> Iterator[Json]:
        number, joint = 1, "&" if "?" in path else "?"
        while True:
            entries = cast("list[Json]", self._call("GET", f"{path}{joint}per_page={PAGE}&page={number}"))
            yield from entries
            if len(entries) < PAGE:
                return
            number += 1

    def _call(self, method: str, path: str, content: Json | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.api}/repos/{self.name}{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "X-GitHub-Api-Version": "2022-11-28",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = error.read(2000).decode(errors="replace")
            raise GitHubError(f"GitHub answered {error.code} to {method} {path}: {told}") from None
        except OSError as error:
            raise GitHubError(f"GitHub did not answer {method} {path}: {error}") from None


def _by_workflow(entry: Json) -> bool:
    user = cast(Json, entry.get("user") or {})
    return user.get("login") == AUTHOR and "pull_request" not in entry
