"""A Kubernetes API server in memory: enough of it for dask-gateway's real client library.

It keeps objects of one namespace, lists and watches them by label, applies JSON
patches, starts pods at once, makes Endpoints for Services, and collects objects
whose owners are all gone. It records each call as ``VERB RESOURCE`` and refuses,
as an API server would with Roles only, whatever is not in the namespace.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Json = dict[str, Any]
_RUNNING = {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}


class FakeKubernetes:
    """Objects by resource and name, the calls made, and the events watchers see."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.objects: dict[str, dict[str, Json]] = {}
        self.calls: set[str] = set()
        self.refused: list[str] = []
        self.fail_pods = False
        self.pause = 0.01
        """Seconds between two looks of a watch."""
        self._events: list[tuple[int, str, str, Json]] = []

    def of(self, resource: str) -> dict[str, Json]:
        """Return the objects of a resource."""
        return self.objects.setdefault(resource, {})

    def put(self, resource: str, thing: Json) -> Json:
        """Make or change an object, as a controller of Kubernetes would."""
        meta = thing["metadata"]
        if "generateName" in meta:
            meta["name"] = meta.pop("generateName") + uuid.uuid4().hex[:5]
        new = meta["name"] not in self.of(resource)
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        meta["namespace"] = self.namespace
        meta["resourceVersion"] = str(len(self._events) + 1)
        self.of(resource)[meta["name"]] = thing
        self._record("ADDED" if new else "MODIFIED", resource, thing)
        return thing

    def remove(self, resource: str, name: str) -> None:
        """Delete an object and what it owned alone."""
        self._record("DELETED", resource, self.of(resource).pop(name))
        alive = {thing["metadata"]["uid"] for all_ in self.objects.values() for thing in all_.values()}
        for other, things in self.objects.items():
            for thing in list(things.values()):
                owners = {owner["uid"] for owner in thing["metadata"].get("ownerReferences") or ()}
                if owners and not owners & alive and thing["metadata"]["name"] in things:
                    self.remove(other, thing["metadata"]["name"])

    def _record(self, kind: str, resource: str, thing: Json) -> None:
        self._events.append((len(self._events) + 1, resource, kind, json.loads(json.dumps(thing))))

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[str, None]:
        """Serve on loopback; gives the address."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        where = parts[3:] if parts[0] == "apis" else parts[2:]
        if where[:2] != ["namespaces", self.namespace] or len(where) < 3:
            self.refused.append(f"{request.method} {request.path}")
            return _status(403)
        resource, name = where[2], where[3] if len(where) > 3 else ""
        sub = "/" + where[4] if len(where) > 4 else ""
        watch = "watch" in request.query
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(
            request.method, request.method.lower()
        )
        self.calls.add(f"{'watch' if watch else verb} {resource}{sub}")
        if watch:
            return await self._watch(request, resource)
        if request.method == "POST":
            return self._create(resource, await request.json())
        if not name:
            return web.json_response(
                {
                    "kind": "List",
                    "metadata": {"resourceVersion": str(len(self._events))},
                    "items": [thing for thing in self.of(resource).values() if _matches(request, thing)],
                }
            )
        if name not in self.of(resource):
            return _status(404)
        thing = self.of(resource)[name]
        if request.method == "PATCH":
            for change in await request.json():
                *path, last = change["path"].strip("/").split("/")
                place = thing
                for step in path:
                    place = place[step]
                place[last] = change["value"]
            self.put(resource, thing)
        if request.method == "DELETE":
            self.remove(resource, name)
        return web.json_response(thing)

    def _create(self, resource: str, thing: Json) -> web.Response:
        if thing["metadata"].get("name") in self.of(resource):
            return _status(409)
        if resource == "pods":
            if self.fail_pods:
                return _status(403)
            names = [container["name"] for container in thing["spec"]["containers"]]
            statuses = [{"name": name, **_RUNNING, **_CONTAINER} for name in names]
            thing["status"] = {"phase": "Running", "containerStatuses": statuses}
        if resource == "services":
            meta = {"name": thing["metadata"]["name"], "labels": thing["metadata"]["labels"]}
            self.put(
                "endpoints", {"metadata": meta, "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": []}]}
            )
        return web.json_response(self.put(resource, thing), status=201)

    async def _watch(self, request: web.Request, resource: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        seen = int(request.query["resourceVersion"])
        for _ in range(100):
            if request.transport is None or request.transport.is_closing():
                break
            for version, kind_of, kind, thing in self._events[seen:]:
                seen = version
                if kind_of == resource and _matches(request, thing):
                    line = json.dumps({"type": kind, "object": thing}) + "\n"
                    await response.write(line.encode())
            await asyncio.sleep(self.pause)
        return response


_CONTAINER = {"image": "x", "imageID": "x", "ready": True, "restartCount": 0}


def _status(code: int) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": "refused"}, status=code)


def _matches(request: web.Request, thing: Json) -> bool:
    wanted = [pair.split("=") for pair in request.query.get("labelSelector", "").split(",") if pair]
    labels = thing["metadata"].get("labels", {})
    return all(labels.get(name) == value for name, value in wanted)
