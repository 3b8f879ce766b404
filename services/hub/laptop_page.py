# pyright: basic
# JupyterHub has no types.
"""The page "Connect from your laptop": shows what it is, and gives a logged-in user their files."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jupyterhub.handlers import BaseHandler
from tornado import web

from services.hub.issuer import Bundle, IssuerError
from services.hub.laptop import archive, directory, expiry
from services.hub.settings import Laptop
from services.hub.slug import slug

TEMPLATES = Path(__file__).with_name("templates")
PATH = "/laptop"
PAUSE = 5
"""Seconds between one user's downloads: what signs for them has everybody's servers to serve."""
NOT_RUNNING = "Your server is not running. Start it first: your files are for the scheduler in it."
TOO_SOON = "You have just downloaded your files. Wait a few seconds before you do so again."

Ask = Callable[[str, str], Awaitable[Bundle]]


def page(laptop: Laptop, url: str, ask: Ask) -> type[BaseHandler]:
    """Return the handler of the page; ``ask`` gets a user's bundle, ``url`` is the facility's in browsers."""
    last = dict[str, float]()

    # Users are known by the hub's own cookie; API tokens, which notebooks have, are not taken (BaseHandler).
    class LaptopPage(BaseHandler):
        @web.authenticated
        async def get(self) -> None:
            await self.show()

        @web.authenticated
        async def post(self) -> None:
            user: Any = self.current_user
            if not user.spawner.ready:
                return await self.show(409, NOT_RUNNING)
            if time.monotonic() - last.get(user.name, -PAUSE) < PAUSE:
                return await self.show(429, TOO_SOON)
            last[user.name] = time.monotonic()
            label = slug(user.name)
            try:
                bundle = await ask(user.name, label)
            except IssuerError as error:
                self.log.error("No files for the laptop of %s: %s", user.name, error)
                return await self.show(503, error.jupyterhub_message)
            self.log.info("Gave %s a certificate for a laptop, until %s", user.name, expiry(bundle))
            self.no_store()
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Disposition", f'attachment; filename="{directory(label)}.zip"')
            self.finish(archive(bundle, user.name, label, laptop, url))

        async def show(self, status: int = 200, message: str = "") -> None:
            user: Any = self.current_user
            self.set_status(status)
            self.no_store()
            html = await self.render_template(
                "laptop.html",
                running=user.spawner.ready,
                host=f"{slug(user.name)}.{laptop.domain}",
                port=laptop.port,
                message=message,
            )
            self.finish(html)

        def no_store(self) -> None:
            self.set_header("Cache-Control", "no-store")
            self.set_header("X-Content-Type-Options", "nosniff")

    return LaptopPage
