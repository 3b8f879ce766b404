"""A user's notebook server through its REST and websocket interfaces, with the user's API token."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.e2e.facility import Facility, wait_for

NEW_CLUSTER = """
import time
from dask_gateway import Gateway

start = time.monotonic()
gateway = Gateway()
cluster = gateway.new_cluster()
started = time.monotonic()
cluster.scale(2)
client = cluster.get_client()
client.wait_for_workers(2, timeout=300)
times = [started - start, time.monotonic() - start]
"""
"""Code for a kernel: a Dask cluster with two workers, and how long it took to start and to be ready."""


class KernelError(AssertionError):
    """The code raised in the kernel; the message is its traceback."""


@dataclass(frozen=True)
class Account:
    """A user's API token: requests to the facility in that user's name."""

    facility: Facility
    user: str
    token: str

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request below the facility's address; redirects are answers, not followed."""
        # JupyterHub and Jupyter say "token", Dask Gateway says "jupyterhub".
        scheme = "jupyterhub" if path.startswith("/services/dask-gateway/api/") else "token"
        return requests.request(
            method,
            self.facility.url + path,
            headers={"Authorization": f"{scheme} {self.token}"},
            verify=str(self.facility.ca_file),
            allow_redirects=False,
            timeout=60,
            **options,
        )

    def get(self, path: str) -> Any:
        """Return what a GET answers, as JSON."""
        response = self.request("GET", path)
        assert response.status_code == 200, f"GET {path}: {response.status_code} {response.text[:500]}"
        return response.json()

    @property
    def hub_path(self) -> str:
        """Path of the user in the hub's API."""
        return f"/hub/api/users/{quote(self.user)}"

    def start_server(self) -> None:
        """Start the user's server with the first profile and wait until it answers."""
        response = self.request("POST", f"{self.hub_path}/server", json={})
        assert response.status_code in (201, 202), response.text
        path = self.facility.user_path(self.user)
        wait_for("the server", lambda: self.request("GET", f"{path}api/status").status_code == 200, 300)

    def stop_server(self) -> None:
        """Stop the user's server, if there is one, and wait until the hub knows it has gone."""
        response = self.request("DELETE", f"{self.hub_path}/server")
        assert response.status_code in (202, 204, 400), response.text
        wait_for("the server's end", lambda: not self.get(self.hub_path).get("servers"), 120)

    def start_kernel(self) -> Server:
        """Start one more kernel in the user's running server."""
        response = self.request("POST", f"{self.facility.user_path(self.user)}api/kernels", json={})
        assert response.status_code == 201, response.text
        return Server(self, response.json()["id"])


@dataclass(frozen=True)
class Server:
    """A user's running notebook server and one kernel in it."""

    account: Account
    kernel: str

    @property
    def path(self) -> str:
        """Path of the server's address, with a slash at its end."""
        return self.account.facility.user_path(self.account.user)

    def upload(self, file: Path) -> None:
        """Put a file in the user's home."""
        content = base64.b64encode(file.read_bytes()).decode()
        body = {"type": "file", "format": "base64", "content": content}
        response = self.account.request("PUT", f"{self.path}api/contents/{file.name}", json=body)
        assert response.ok, response.text

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
            f"{facility.url.replace('https', 'wss', 1)}{self.path}api/kernels/{self.kernel}/channels",
            headers={"Authorization": f"token {self.account.token}"},
            ssl_options=ssl.create_default_context(cafile=str(facility.ca_file)),
            # Ten servers at once keep a small machine busy for longer than the usual 20 s.
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
            assert text is not None, "the kernel's web socket was closed"
            answer = json.loads(text)
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


def execute_request(code: str) -> dict[str, Any]:
    """Return a message that asks a kernel to run code (Jupyter messaging protocol 5.3)."""
    return {
        "header": {
            "msg_id": uuid.uuid4().hex,
            "session": uuid.uuid4().hex,
            "username": "e2e",
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
