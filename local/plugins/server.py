"""The provider protocol, for a table of resource types."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent import futures
from importlib import metadata
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.plugins import resource as resources
from local.plugins import wire
from local.plugins.resource import CheckError, Resource


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider; every method is one of the protocol's."""

    def __init__(self, version: str, types: Mapping[str, Resource]) -> None:
        self.version, self.types = version, types

    def _resource(self, request: Any, context: grpc.ServicerContext) -> Resource:
        kind = request.urn.split("::")[2].split("$")[-1]
        if kind not in self.types:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{kind} is not one of the types this stand-in has ({', '.join(self.types)}); "
                "install the official plugin",
            )
        return self.types[kind]

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        # Without previews of our own the engine takes every output of a new resource as unknown.
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=False)

    def Check(self, request: Any, context: Any) -> Any:
        resource, inputs = self._resource(request, context), wire.read(request.news)
        secrets = resource.secrets | wire.secret_names(request.news)
        try:
            resources.check(resource, inputs)
        except CheckError as error:
            failures = [provider_pb2.CheckFailure(property=error.name, reason=error.reason)]
        else:
            failures = []
        return provider_pb2.CheckResponse(inputs=wire.write(inputs, secrets), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        resource, new = self._resource(request, context), wire.read(request.news)
        different = resources.changed(resource, wire.read(request.old_inputs), new)
        replaces = different - resource.in_place
        if not replaces and resources.expired(resource, wire.read(request.olds), new):
            replaces = frozenset({"readyForRenewal"})
        diffs, kinds = different | replaces, provider_pb2.DiffResponse
        return kinds(
            changes=kinds.DIFF_SOME if diffs else kinds.DIFF_NONE,
            replaces=sorted(replaces),
            diffs=sorted(diffs),
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        resource = self._resource(request, context)
        try:
            identifier, outputs = resources.create(resource, wire.read(request.properties))
        except CheckError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        secrets = resource.secrets | wire.secret_names(request.properties)
        return provider_pb2.CreateResponse(id=identifier, properties=wire.write(outputs, secrets))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._resource(request, context)
        if not request.properties.fields:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED, "this stand-in imports nothing; install the official plugin"
            )
        # The state is the only place where these resources are, so it is always right.
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Update(self, request: Any, context: Any) -> Any:
        resource = self._resource(request, context)
        outputs = resources.update(resource, wire.read(request.olds), wire.read(request.news))
        secrets = resource.secrets | wire.secret_names(request.olds) | wire.secret_names(request.news)
        return provider_pb2.UpdateResponse(properties=wire.write(outputs, secrets))

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def start(version: str, types: Mapping[str, Resource]) -> tuple[grpc.Server, int]:
    """Start a provider and return it with its loopback port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(version, types), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(name: str, types: Mapping[str, Resource]) -> None:
    """Serve the provider ``name`` until the engine that started this program is gone."""
    version = metadata.version(f"pulumi-{name}")
    print(f"{name}: no official plugin here, using this project's stand-in for {version}", file=sys.stderr)
    engine = os.getppid()
    server, port = start(version, types)
    # The engine reads the port, and nothing else, from this program's standard output.
    print(port, flush=True)
    # An engine that crashes ends no plugin; a process whose parent is gone gets another one.
    while server.wait_for_termination(timeout=1) and os.getppid() == engine:
        pass
