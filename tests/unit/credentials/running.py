"""The real issuer on loopback, and callers with certificates of their own."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from services.credentials.server import Addresses
from services.credentials.settings import IssuerSettings, Places
from settings.names import camel
from tests.unit.credentials.ca import Ca, Leaf
from tests.unit.plugins.conftest import make_key

HUB = {"commonName": "hub", "organization": "Coffea-casa"}


def deploy(directory: Path, ca: Ca, settings: IssuerSettings, *, generations: int = 3) -> Places:
    """Write the files that the deployment mounts; the second generation of keys signs."""
    places = Places(*(directory / name for name in ("settings", "keys", "tls")))
    for place in (places.settings, places.keys, places.tls):
        place.mkdir()
    (places.settings / "settings.json").write_text(json.dumps(_camel(asdict(settings))))
    (places.settings / "ca.pem").write_text(ca.pem)
    keys = [make_key() for _ in range(generations)]
    for number, key in enumerate(keys):
        (places.settings / f"published-{number}.pem").write_text(key["publicKeyPem"])
    (places.keys / "ca.key").write_text(ca.private)
    (places.keys / "signing.key").write_text(keys[1]["privateKeyPemPkcs8"])
    own = ca.leaf(
        {"commonName": "credentials", "organization": "Coffea-casa"},
        "server_auth",
        dnsNames=["localhost"],
        ipAddresses=["127.0.0.1"],
    )
    (places.tls / "tls.crt").write_text(own.chain)
    (places.tls / "tls.key").write_text(own.key)
    return places


def _camel(values: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(key): _camel(v) if isinstance(v, dict) else v for key, v in values.items()}


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    json: Any


class Caller:
    """Somebody who trusts the CA and may have a certificate."""

    def __init__(self, addresses: Addresses, ca: Ca, directory: Path, leaf: Leaf | None = None) -> None:
        self._api = f"https://127.0.0.1:{addresses.api_port}"
        self._discovery = f"https://127.0.0.1:{addresses.discovery_port}"
        self._context = ssl.create_default_context(cadata=ca.pem)
        self._context.verify_flags |= ssl.VERIFY_X509_STRICT
        if leaf:
            directory.mkdir(exist_ok=True)
            (directory / "tls.crt").write_text(leaf.chain)
            (directory / "tls.key").write_text(leaf.key)
            self._context.load_cert_chain(directory / "tls.crt", directory / "tls.key")

    async def ask(self, method: str, url: str, **request: Any) -> Answer:
        """Send a request on a connection of its own. Raises aiohttp.ClientError."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, ssl=self._context, **request) as answer,
        ):
            content = await answer.read()
            is_json = answer.content_type == "application/json"
            return Answer(answer.status, answer.headers, json.loads(content) if is_json else content)

    async def bundle(self, **fields: object) -> Answer:
        """Ask for a bundle."""
        return await self.post(json.dumps({"user": "ada@example.org", "slug": "ada"} | fields).encode())

    async def post(self, body: bytes, content_type: str = "application/json") -> Answer:
        """Ask for a bundle with any body."""
        headers = {"Content-Type": content_type}
        return await self.ask("POST", f"{self._api}/v1/bundles", data=body, headers=headers)

    async def api(self, method: str, path: str) -> Answer:
        """Ask the API for anything."""
        return await self.ask(method, self._api + path)

    async def discover(self, path: str, method: str = "GET") -> Answer:
        """Ask the discovery server."""
        return await self.ask(method, self._discovery + path)
