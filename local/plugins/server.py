"""The provider protocol, for a table of resource types."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent import futures
from importlib import metadata
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.plugins.resource import CheckError, Properties, Resource, changed, checked

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
"""How a secret value is marked on the wire (pulumi: sdk/go/common/resource/sig)."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""A text that is not known yet (pulumi: sdk/go/common/resource/plugin, UnknownStringValue)."""


def plain(value: Any) -> Any:
    """Return a wire value without its marks: secrets opened, whole numbers as int."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def from_wire(struct: struct_pb2.Struct) -> Properties:
    """Return the properties of a message."""
    return {key: plain(value) for key, value in json_format.MessageToDict(struct).items() if value is not None}


def to_wire(properties: Mapping[str, Any], secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Return properties as a message, those of ``secrets`` marked."""
    struct = struct_pb2.Struct()
    struct.update(
        {
            key: {SIGNATURE: SECRET, "value": value} if key in secrets else value
            for key, value in properties.items()
        }
    )
    return struct


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider; every method is one of the protocol's."""

    def __init__(self, version: str, resources: Mapping[str, Resource]) -> None:
        self.version, self.resources = version, resources

    def _resource(self, request: Any, context: grpc.ServicerContext) -> Resource:
        kind = request.urn.split("::")[2].split("$")[-1]
        if kind not in self.resources:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{kind} is not one of the types this stand-in has ({', '.join(self.resources)}); "
                "install the official plugin",
            )
        return self.resources[kind]

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        # Without previews of our own the engine takes every output of a new resource as unknown.
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=False)

    def Check(self, request: Any, context: Any) -> Any:
        resource = self._resource(request, context)
        try:
            inputs = checked(resource, from_wire(request.news), UNKNOWN)
        except CheckError as error:
            failure = provider_pb2.CheckFailure(property=error.name, reason=error.reason)
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        return provider_pb2.CheckResponse(inputs=to_wire(inputs, resource.secrets))

    def Diff(self, request: Any, context: Any) -> Any:
        resource = self._resource(request, context)
        old, outputs = from_wire(request.old_inputs), from_wire(request.olds)
        different = changed(resource, old, from_wire(request.news))
        replaces = sorted(different - resource.in_place)
        if not replaces and resource.expired(outputs):
            replaces = ["readyForRenewal"]
        kinds = provider_pb2.DiffResponse
        return kinds(
            changes=kinds.DIFF_SOME if different or replaces else kinds.DIFF_NONE,
            replaces=replaces,
            diffs=sorted(different.union(replaces)),
        )

    def Create(self, request: Any, context: Any) -> Any:
        resource = self._resource(request, context)
        try:
            identifier, outputs = resource.create(from_wire(request.properties))
        except CheckError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return provider_pb2.CreateResponse(id=identifier, properties=to_wire(outputs, resource.secrets))

    def Read(self, request: Any, context: Any) -> Any:
        # The state is the only place where these resources are, so it is always right.
        return provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs
        )

    def Update(self, request: Any, context: Any) -> Any:
        resource = self._resource(request, context)
        outputs = from_wire(request.olds) | from_wire(request.news)
        return provider_pb2.UpdateResponse(properties=to_wire(outputs, resource.secrets))

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema="{}")


def serve(name: str, resources: Mapping[str, Resource]) -> None:
    """Serve the provider ``name`` on a loopback port, printed on stdout, until the engine ends us."""
    version = metadata.version(f"pulumi-{name}")
    print(f"{name}: no official plugin here, using this project's stand-in for {version}", file=sys.stderr)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(version, resources), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
