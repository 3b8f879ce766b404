"""Pulumi mocks that make real keys, certificates and passwords.

The stand-in plugins' own functions answer, checks included, so a component run under
these mocks gives certificates that a TLS handshake can be tried with.

    made = run(lambda: CertificateAuthority("ca", args))
    made["ca-certificate"]["certPem"]
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks, set_mocks

from local.plugins import random, resource, tls, wire
from local.plugins.resource import Properties

TYPES = {**random.RESOURCES, **tls.RESOURCES}


class RealMocks(Mocks):
    """Answers registrations; ``made`` has each resource's outputs by its name, secrets in clear.

    ``objects`` has those of Kubernetes by KIND/NAME, for several kinds may share a name.
    """

    def __init__(self) -> None:
        self.made: dict[str, Properties] = {}
        self.objects: dict[str, Properties] = {}

    def call(self, args: MockCallArgs) -> Any:
        raise NotImplementedError(f"no answer to the function {args.token}")

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, Properties]:
        if args.typ not in TYPES:
            kind = args.typ.rpartition(":")[2]
            self.made[args.name] = self.objects[f"{kind}/{args.name}"] = wire.plain(args.inputs)
            return f"{args.name}-id", args.inputs
        type_, inputs = TYPES[args.typ], wire.plain(args.inputs)
        resource.check(type_, inputs)
        identifier, outputs = resource.create(type_, inputs)
        self.made[args.name] = outputs
        marked = {name: wire.secret(value) for name, value in outputs.items() if name in type_.secrets}
        return identifier, {**outputs, **marked}


def run(program: Callable[[], object]) -> dict[str, Properties]:
    """Call ``program`` and return what was made; whatever it raises is raised here."""
    return _mocks(program).made


def run_for_objects(program: Callable[[], object]) -> dict[str, Properties]:
    """The same, but return the objects of Kubernetes by KIND/NAME."""
    return _mocks(program).objects


def _mocks(program: Callable[[], object]) -> RealMocks:
    mocks = RealMocks()
    # Pulumi takes the thread's event loop, which an asynchronous test before this one has closed.
    asyncio.set_event_loop(asyncio.new_event_loop())
    set_mocks(mocks, project="coffea-casa", stack="opendata", preview=False)

    @pulumi.runtime.test
    def call() -> None:
        program()

    call()
    return mocks
