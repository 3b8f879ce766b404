"""A real JupyterHub with the laptop's page and the issuer's, an issuer behind it, and servers of a few lines.

    python running_hub.py DIRECTORY

Writes its address and goes on until standard input ends; the issuer's audit lines follow.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config

from services.hub.issuer import Bundle, IssuerClient, IssuerError
from services.hub.issuer_page import PublicKeys, pages
from services.hub.laptop_page import PATH, TEMPLATES, page
from services.hub.settings import Laptop
from tests.unit.credentials.ca import Ca
from tests.unit.hub.test_issuer import context, issuer_with_keys

URL = "https://af.example.org"


class NoProxy(Proxy):
    """Nothing is in front of the hub."""

    should_start = False

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        pass

    async def delete_route(self, routespec: str) -> None:
        pass

    async def get_all_routes(self) -> dict[str, Any]:
        return {}


class Anything(web.RequestHandler):
    """Answers that it is there."""

    def get(self) -> None:
        self.finish()


class Server(Spawner):
    """A server that answers everything."""

    async def start(self) -> tuple[str, int]:
        (socket,) = bind_sockets(0, "127.0.0.1")
        self.served = HTTPServer(web.Application([(".*", Anything)]))
        self.served.add_socket(socket)
        return "127.0.0.1", socket.getsockname()[1]

    async def stop(self, now: bool = False) -> None:
        self.served.stop()

    async def poll(self) -> int | None:
        return None if hasattr(self, "served") else 0


async def main(directory: Path) -> None:
    """Run the hub."""
    ca = Ca()
    (directory / "facility.pem").write_text(ca.pem)
    (free,) = bind_sockets(0, "127.0.0.1")
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    async with issuer_with_keys(directory, ca) as (issuer_url, keys_url):
        trusted = context(directory, ca)
        client = IssuerClient(issuer_url, trusted)

        async def ask(user: str, slug: str) -> Bundle:
            if user == "unlucky":
                raise IssuerError("not just now")
            return await client.bundle(user, slug)

        config = Config()
        config.JupyterHub.update(
            hub_bind_url=address,
            bind_url=address,
            db_url="sqlite://",
            cookie_secret_file=str(directory / "cookie"),
            authenticator_class="dummy",
            proxy_class=NoProxy,
            spawner_class=Server,
            template_paths=[str(TEMPLATES)],
            extra_handlers=[
                (PATH, page(Laptop(domain="dask.af.example.org", port=30786), URL, ask)),
                *pages(URL, PublicKeys(keys_url, trusted)),
            ],
        )
        config.DummyAuthenticator.allow_all = True
        hub = JupyterHub(config=config)
        await hub.initialize([])
        await hub.start()
        print(address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
