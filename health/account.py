"""A user's notebook server through its REST and websocket interfaces, with an API token."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from health.waiting import wait_for


class AnswerError(AssertionError):
    """The facility answers something else than it should."""


class KernelError(AssertionError):
    """The code raised in the kernel; the message is its traceback."""


class Door(Protocol):
    """Where a facility is reached."""

    @property
    def url(self) -> str:
        """Address in browsers."""
        ...

    @property
    def ca_file(self) -> Path | None:
        """File of the CA that signed for it; none means a public one."""
        ...


def user_path(user: str) -> str:
    """Return the path of a user's server, with a slash at its end."""
    return f"/user/{quote(user, safe='@')}/"


@dataclass(frozen=True)
class Account:
    """An API token: requests to the facility about one user, by themselves or by who may act for them."""

    facility: Door
    user: str
    token: str = field(repr=False)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request below the facility's address; redirects are answers, not followed."""
        # JupyterHub and Jupyter say "token", Dask Gateway says "jupyterhub".
        scheme = "jupyterhub" if path.startswith("/services/dask-gateway/api/") else "token"
        return requests.request(
            method,
            self.facility.url + path,
            headers={"Authorization": f"{scheme} {self.token}"},
            verify=str(self.facility.ca_file) if self.facility.ca_file else True,
            allow_redirects=False,
            timeout=60,
            **options,
        )

    def get(self, path: str) -> Any:
        """Return what a GET answers, as JSON."""
        response = self.request("GET", path)
        return expected(response, 200).json()

    @property
    def hub_path(self) -> str:
        """Path of the user in the hub's API."""
        return f"/hub/api/users/{quote(self.user)}"

    def start_server(self, seconds: float = 300) -> None:
        """Start the user's server with the first profile and wait until it answers."""
        expected(self.request("POST", f"{self.hub_path}/server", json={}), 201, 202)
        path = user_path(self.user)
        wait_for("the server", lambda: self.request("GET", f"{path}api/status").status_code == 200, seconds)

    def stop_server(self) -> None:
        """Stop the user's server, if there is one, and wait until the hub knows it has gone."""
        expected(self.request("DELETE", f"{self.hub_path}/server"), 202, 204, 400)
        wait_for("the server's end", lambda: not self.get(self.hub_path).get("servers"), 120)

    def start_kernel(self) -> Server:
        """Start one more kernel in the user's running server."""
        response = self.request("POST", f"{user_path(self.user)}api/kernels", json={})
        return Server(self, expected(response, 201).json()["id"])


@dataclass(frozen=True)
class Server:
    """A user's running notebook server and one kernel in it."""

    account: Account
    kernel: str

    @property
    def path(self) -> str:
        """Path of the server's address, with a slash at its end."""
        return user_path(self.account.user)

    def upload(self, file: Path) -> None:
        """Put a file in the user's home."""
        content = base64.b64encode(file.read_bytes()).decode()
        body = {"type": "file", "format": "base64", "content": content}
        expected(self.account.request("PUT", f"{self.path}api/contents/{file.name}", json=body), 200, 201)

    def download(self, name: str) -> bytes:
        """Return a file of the user's home."""
        answer = self.account.get(f"{self.path}api/contents/{name}?type=file&format=base64")
        return base64.b64decode(answer["content"])

    def run(self, code: str, seconds: float = 300) -> str:
        """Run code in the kernel and return what it printed; KernelError if it raises."""
        # In a thread of its own: playwright keeps an event loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, asyncio.wait_for(self._run(code), seconds)).result()

    def value(self, code: str, expression: str, seconds: float = 300) -> Any:
        """Run code in the kernel, then return the value of an expression that JSON can carry."""
        printed = self.run(f"{code}\nimport json; print(json.dumps({expression}))", seconds)
        return json.loads(printed.strip().splitlines()[-1])

    async def _run(self, code: str) -> str:
        facility = self.account.facility
        request = HTTPRequest(
            f"{facility.url.replace('http', 'ws', 1)}{self.path}api/kernels/{self.kernel}/channels",
            headers={"Authorization": f"token {self.account.token}"},
            ssl_options=ssl.create_default_context(cafile=facility.ca_file),
            # Many servers that start at once keep a small machine busy for longer than the usual 20 s.
            connect_timeout=120,
            request_timeout=120,
        )
        socket = await websocket_connect(request, max_message_size=2**26)
        message = execute_request(code)
        await socket.write_message(json.dumps(message))
        printed: list[str] = []
        replied = idle = False
        while not (replied and idle):
            text = await socket.read_message()
            if text is None:
                raise AnswerError("the kernel's web socket was closed")
            answer = cast(dict[str, Any], json.loads(text))
            # Jupyter says so to everybody, in answer to nobody.
            if answer["content"].get("execution_state") in ("restarting", "dead"):
                raise KernelError("the kernel has died; did it take more memory than its profile has?")
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, content = answer["msg_type"], answer["content"]
            if kind == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif kind == "error":
                raise KernelError("\n".join(content["traceback"]))
            replied |= kind == "execute_reply"
            idle |= kind == "status" and content["execution_state"] == "idle"
        socket.close()
        return "".join(printed)


def expected(response: requests.Response, *statuses: int) -> requests.Response:
    """Return an answer that has one of the statuses. Raises AnswerError."""
    if response.status_code not in statuses:
        asked = f"{response.request.method} {response.request.path_url}"
        raise AnswerError(f"{asked}: {response.status_code} {response.text[:500]}")
    return response


def execute_request(code: str) -> dict[str, Any]:
    """Return a message that asks a kernel to run code (Jupyter messaging protocol 5.3)."""
    return {
        "header": {
            "msg_id": uuid.uuid4().hex,
            "session": uuid.uuid4().hex,
            "username": "coffea-casa",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": "execute_request",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        },
        "channel": "shell",
        "buffers": [],
    }
