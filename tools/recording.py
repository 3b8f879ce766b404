"""Runs the Pulumi program without an engine and records every resource it registers.

Pulumi's own mocks show a resource's inputs only. The monitor here also keeps what the
engine would see of its options (protection, parent, provider, aliases), marks the
outputs secret that the SDK asks to be secret, and builds URNs as the engine does.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from unittest import mock

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, set_all_config
from pulumi.runtime import rpc as pulumi_rpc
from pulumi.runtime import settings as pulumi_settings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_in_stack

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
STACK_TYPE = "pulumi:pulumi:Stack"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""Pulumi's marks of a special value and of a secret one, in every message to the engine."""


@dataclass(frozen=True)
class Secret:
    """A value that the program marked secret."""

    value: Any


class Unknown:
    """A value that only an `up` will know."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = Unknown()


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A stack's configuration as the engine hands it to the program."""

    values: Mapping[str, str]
    """Full key to text; objects are JSON."""
    secrets: frozenset[str] = frozenset()
    """Keys whose values are secret."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource."""

    urn: str
    type: str
    name: str
    inputs: Json = field(default_factory=dict[str, Any])
    """Secret values are inside ``Secret``, whole numbers are ints."""
    parent: str = ""
    """URN; the stack's own for what has no parent."""
    provider: str = ""
    custom: bool = True
    protect: bool = False
    retain_on_delete: bool = False
    aliases: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()

    @property
    def kubernetes(self) -> bool:
        """Whether it is an object of Kubernetes, not the provider itself."""
        return self.type.startswith("kubernetes:")

    @cached_property
    def manifest(self) -> Json:
        """The object as Kubernetes gets it, secrets in clear. Not to be changed."""
        return cast(Json, plain(self.inputs))

    @property
    def kind(self) -> str:
        """Kind of the Kubernetes object; empty for anything else."""
        return str(self.inputs.get("kind", "")) if self.kubernetes else ""

    @property
    def metadata_name(self) -> str:
        """Name of the Kubernetes object; empty for anything else."""
        return str(self.inputs.get("metadata", {}).get("name", "")) if self.kubernetes else ""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What one run of the program registered, in an order that never changes."""

    resources: tuple[Resource, ...]
    outputs: Json
    """Outputs of the stack; secret ones are inside ``Secret``."""
    component_outputs: Mapping[str, Json]
    """URN of each component that called register_outputs to what it gave."""
    secret_values: frozenset[str]
    """Every text that is secret: keys and passwords the providers made, secret configuration."""

    @property
    def objects(self) -> list[Resource]:
        """The Kubernetes objects."""
        return [resource for resource in self.resources if resource.kubernetes]


def plain(value: Any) -> Any:
    """Return ``value`` with secrets in clear."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in cast(Json, value).items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[Any]", value)]
    return value


def _decode(value: Any) -> Any:
    """Return a value of a message to the engine as Python has it."""
    if isinstance(value, dict):
        items = cast(Json, value)
        if items.get(_SIGNATURE) == _SECRET:
            return Secret(_decode(items.get("value")))
        # The provider sends x_kubernetes_... of a CRD's schema as x-kubernetes-...
        return {
            re.sub("^x_kubernetes_.*", lambda found: found[0].replace("_", "-"), key): _decode(item)
            for key, item in sorted(items.items())
        }
    if isinstance(value, list):
        return [_decode(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if value == pulumi_rpc.UNKNOWN else value


def computed(type_: str, urn: str, generation: int = 0) -> dict[str, str]:
    """Return the outputs that the providers random and tls would compute for a resource.

    They are texts that say what they stand for; another ``generation`` gives other ones.
    """

    def fake(kind: str) -> str:
        digest = hashlib.sha256(f"{generation} {kind} {urn}".encode()).hexdigest()
        return f"fake-{kind}-{digest[:24]}"

    def pem(label: str, name: str) -> str:
        return f"-----BEGIN {label}-----\n{fake(name)}\n-----END {label}-----\n"

    match type_.rsplit(":", 1)[-1] if type_.startswith(("random:", "tls:")) else "":
        case "RandomPassword":
            return {"result": fake("password"), "bcryptHash": fake("bcrypt")}
        case "PrivateKey":
            return {
                "privateKeyPem": pem("EC PRIVATE KEY", "key"),
                "privateKeyPemPkcs8": pem("PRIVATE KEY", "pkcs8"),
                "publicKeyPem": pem("PUBLIC KEY", "public"),
            }
        case "CertRequest":
            return {"certRequestPem": pem("CERTIFICATE REQUEST", "request")}
        case "SelfSignedCert" | "LocallySignedCert":
            return {"certPem": pem("CERTIFICATE", "certificate")}
        case "":
            return {}
        case other:
            raise NotImplementedError(f"tools/recording.py knows no outputs of {other} ({type_})")


class _NoMocks(mocks.Mocks):
    """The monitor below answers by itself."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError(f"tools/recording.py has no answer to the function {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, Json]:
        raise NotImplementedError


class Monitor(mocks.MockMonitor):
    """Records registrations. Called from several threads: it only appends."""

    def __init__(self, *, project: str, stack: str, preview: bool, regenerated: Collection[str]) -> None:
        super().__init__(_NoMocks())
        self.project, self.stack, self.preview = project, stack, preview
        self.regenerated = frozenset(regenerated)
        self.registered: list[Resource] = []
        self.outputs: dict[str, Json] = {}
        self.secret_values: set[str] = set()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the engine's URN: with the types of all ancestors but the stack."""
        ancestors = parent.split("::")[2] if parent else STACK_TYPE
        chain = type_ if ancestors == STACK_TYPE else f"{ancestors}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{chain}::{name}"

    def RegisterResource(self, request: Any) -> Any:
        """Record a registration; answer with its inputs and, for random and tls, made-up outputs."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        self.registered.append(
            Resource(
                urn=urn,
                type=request.type,
                name=request.name,
                inputs=_decode(json_format.MessageToDict(request.object)),
                parent=request.parent,
                provider=request.provider,
                custom=request.custom,
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                aliases=tuple(a.urn or a.spec.name or str(a.spec) for a in request.aliases),
                dependencies=tuple(sorted(request.dependencies)),
            )
        )
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.object)
        secret_names = set(request.additionalSecretOutputs)
        generation = 1 if request.name in self.regenerated else 0
        made = {} if self.preview else computed(request.type, urn, generation)
        for name, value in made.items():
            if name in secret_names:
                self.secret_values.add(value)
            outputs.update({name: {_SIGNATURE: _SECRET, "value": value} if name in secret_names else value})
        # In a preview the id and whatever is computed are left out: the SDK takes them for unknown.
        id_ = f"{request.name}-id" if request.custom and not self.preview else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=outputs)

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:
        """Record what a component or the stack gives out."""
        self.outputs[request.urn] = _decode(json_format.MessageToDict(request.outputs))
        return empty_pb2.Empty()


def _settings(monitor: Monitor) -> pulumi_settings.Settings:
    """Return the SDK's run-time settings, every one of them set: none may come from an earlier run."""
    information: Any = cast(Any, monitor).GetDeploymentInfo(empty_pb2.Empty())
    return mocks.MockSettings(
        monitor=monitor,
        monitor_features=set(information.supportedFeatures),
        engine=mocks.MockEngine(logging.getLogger("pulumi")),
        project=monitor.project,
        stack=monitor.stack,
        dry_run=monitor.preview,
        organization="organization",
        root_directory=str(ROOT),
        parallel=None,
        legacy_apply_enabled=False,
        outputs=set[Any](),
        lock=threading.Lock(),
        callbacks=None,
        package_refs=dict[str, str](),
        base_providers_by_ref=dict[str, str](),
    )


def record(
    program: Callable[[], object],
    *,
    project: str,
    stack: str,
    config: Configuration,
    preview: bool = False,
    regenerated: Collection[str] = (),
) -> Recorded:
    """Call ``program`` and return what it registered.

    With ``preview`` what providers compute is unknown, as before a first `up`. The keys,
    certificates and passwords named in ``regenerated`` are other ones than in other runs.
    Whatever the program raises is raised here.
    """
    monitor = Monitor(project=project, stack=stack, preview=preview, regenerated=regenerated)

    def call() -> None:
        program()

    def run() -> None:
        pulumi_settings.configure(_settings(monitor))
        set_all_config(dict(config.values), sorted(config.secrets))
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(run_in_stack(call))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    # A string made of an Output would put a sentence about Outputs into a manifest: here it raises.
    with mock.patch.dict(os.environ, {"PULUMI_ERROR_OUTPUT_STRING": "true"}):
        # The SDK keeps its state in context variables: a context of its own starts without any.
        contextvars.Context().run(run)
    stack_urn = monitor.make_urn("", STACK_TYPE, f"{project}-{stack}")
    return Recorded(
        resources=tuple(sorted(monitor.registered, key=lambda resource: resource.urn)),
        outputs=monitor.outputs.pop(stack_urn, {}),
        component_outputs=monitor.outputs,
        secret_values=frozenset(monitor.secret_values | {config.values[key] for key in config.secrets}),
    )
