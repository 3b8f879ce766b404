"""The API: ``POST /v1/bundles`` with a person, answered with their bundle. Only the hub is let in."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor

from aiohttp import web

from services.credentials import audit, tls
from services.credentials.bundle import Mint
from services.credentials.gate import BusyError, Gate
from services.credentials.person import BODY_BYTES, Person, RequestError, read

_BODY_SECONDS = 10
"""How long a request's few bytes may take."""
log = logging.getLogger("credentials")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _RefusedError(Exception):
    """A request gets an error for an answer."""

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        person: Person | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.person, self.headers = status, reason, person, headers


def application(mint: Mint, gate: Gate, executor: Executor) -> web.Application:
    """Return the web application; ``executor`` runs what signs, for that takes time."""

    async def bundles(request: web.Request) -> web.Response:
        with gate.passing():
            person = read(await _body(request))
            loop = asyncio.get_running_loop()
            try:
                bundle = await loop.run_in_executor(executor, mint.bundle, person, int(time.time()))
            except ValueError as error:
                raise _RefusedError(503, str(error), person=person) from error
        audit.issued(_caller(request), person, bundle)
        return web.json_response(bundle.answer(), headers={"Cache-Control": "no-store"})

    app = web.Application(middlewares=[_answering, _only_the_hub], client_max_size=BODY_BYTES)
    app.router.add_post("/v1/bundles", bundles)
    return app


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise _RefusedError(400, "the body is not application/json")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise _RefusedError(408, "the body did not come in time") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise _RefusedError(413, f"the body is longer than {BODY_BYTES} bytes") from error


def _caller(request: web.Request) -> str:
    return tls.shown(tls.subject(request.get_extra_info("peercert")))


@web.middleware
async def _only_the_hub(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not tls.is_hub(tls.subject(request.get_extra_info("peercert"))):
        raise _RefusedError(403, "this certificate is not the hub's")
    return await handler(request)


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into answers and audit lines."""
    try:
        return await handler(request)
    except _RefusedError as error:
        refusal = error
    except RequestError as error:
        refusal = _RefusedError(400, str(error))
    except BusyError as error:
        wait = str(max(1, math.ceil(error.seconds)))
        refusal = _RefusedError(429, str(error), headers={"Retry-After": wait})
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        refusal = _RefusedError(error.status, error.reason, headers=allow)
    except Exception:
        # The caller learns nothing of the inside; tracebacks name lines, not values.
        log.exception("a request failed")
        refusal = _RefusedError(500, "internal error")
    audit.refused(_caller(request), refusal.status, refusal.reason, refusal.person)
    return web.json_response({"error": refusal.reason}, status=refusal.status, headers=refusal.headers)
