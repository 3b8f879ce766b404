"""A facility on loopback over TLS: interfaces of a hub and of a notebook server, a kernel that runs code."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from tests.unit.credentials.ca import Ca

TOKEN, USER = "t" * 64, "health-user"


@dataclass
class World:
    """What the facility does, and what was done to it."""

    running: bool = False
    starts: bool = True
    never_answers: bool = False
    hangs_up: bool = False
    uploaded: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])
    kernel: Any = field(default_factory=SimpleNamespace)
    """Stands for in_kernel.py, which wants coffea."""


def application(world: World) -> Application:
    """Return what answers."""

    class Handler(RequestHandler):
        def prepare(self) -> None:
            if self.request.headers.get("Authorization") != f"token {TOKEN}":
                raise HTTPError(403)

    class Who(Handler):
        def get(self) -> None:
            self.write({"name": "health"})

    class User(Handler):
        def get(self) -> None:
            self.write({"name": USER, "servers": {"": {}} if world.running else {}})

    class Start(Handler):
        def post(self) -> None:
            if not world.starts:
                raise HTTPError(500, "no room")
            world.running = True
            world.done.append("start")
            self.set_status(201)

        def delete(self) -> None:
            self.set_status(204 if world.running else 400)
            world.done.append("stop" if world.running else "nothing to stop")
            world.running = False

    class Status(Handler):
        def get(self) -> None:
            self.set_status(200 if world.running and not world.never_answers else 503)

    class Kernels(Handler):
        def post(self) -> None:
            self.set_status(201)
            self.write({"id": "k"})

    class Contents(Handler):
        def put(self, name: str) -> None:
            world.uploaded.append(name)
            self.set_status(201)

    class Channels(WebSocketHandler):
        def prepare(self) -> None:
            if self.request.headers.get("Authorization") != f"token {TOKEN}":
                raise HTTPError(403)

        async def on_message(self, message: str | bytes) -> None:
            if world.hangs_up:
                return self.close()
            asked = json.loads(message)

            def say(kind: str, **content: Any) -> None:
                answer = {"parent_header": asked["header"], "msg_type": kind, "content": content}
                self.write_message(json.dumps(answer))

            # Somebody else's, which is none of the caller's business.
            self.write_message(json.dumps({"parent_header": {}, "msg_type": "error", "content": {}}))
            printed = io.StringIO()
            try:
                with (
                    contextlib.redirect_stdout(printed),
                    mock.patch.dict(sys.modules, {"in_kernel": world.kernel}),
                ):
                    exec(asked["content"]["code"], {})
            except Exception:
                say(
                    "error",
                    traceback=traceback.format_exc().replace("Error", "\x1b[31mError\x1b[0m").splitlines(),
                )
            say("stream", name="stdout", text=printed.getvalue())
            say("execute_reply")
            say("status", execution_state="idle")

    user = f"/user/{USER}"
    return Application(
        [
            ("/hub/api/user", Who),
            (f"/hub/api/users/{USER}", User),
            (f"/hub/api/users/{USER}/server", Start),
            (f"{user}/api/status", Status),
            (f"{user}/api/kernels", Kernels),
            (f"{user}/api/contents/(.*)", Contents),
            (f"{user}/api/kernels/k/channels", Channels),
        ]
    )


@dataclass(frozen=True)
class Running:
    """Its address, and the CA's file."""

    url: str
    ca_file: Path
    stop: Callable[[], None]


def start(world: World, ca: Ca, directory: Path) -> Running:
    """Start the facility in a thread of its own."""
    leaf = ca.leaf({"commonName": "localhost"}, "server_auth", dnsNames=["localhost"])
    for name, text in (("ca.pem", ca.pem), ("tls.crt", leaf.chain), ("tls.key", leaf.key)):
        (directory / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    (socket,) = bind_sockets(0, "127.0.0.1")
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        HTTPServer(application(world), ssl_options=context).add_socket(socket)
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)

    return Running(f"https://localhost:{socket.getsockname()[1]}", directory / "ca.pem", stop)
