"""A real JupyterHub with the health check's service, and servers that answer everything.

    python health_hub.py DIRECTORY TOKEN

Writes its address and goes on until standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from jupyterhub.app import JupyterHub
from tornado.netutil import bind_sockets
from traitlets.config import Config

from services.hub.health import refuse, roles, service
from services.hub.settings import Health
from tests.unit.hub.running_hub import NoProxy, Server

HEALTH = Health(user="health-user", token_file="health-token")


async def main(directory: Path, token: str) -> None:
    """Run the hub."""
    (free,) = bind_sockets(0, "127.0.0.1")
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    config = Config()
    config.JupyterHub.update(
        hub_bind_url=address,
        bind_url=address,
        db_url="sqlite://",
        cookie_secret_file=str(directory / "cookie"),
        authenticator_class="dummy",
        proxy_class=NoProxy,
        spawner_class=Server,
        services=[service(token)],
        load_roles=roles(HEALTH),
    )
    config.DummyAuthenticator.update(allow_all=True, post_auth_hook=refuse(HEALTH))
    hub = JupyterHub(config=config)
    await hub.initialize([])
    await hub.start()
    print(address, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
