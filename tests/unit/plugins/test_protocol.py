"""The stand-ins as the engine meets them: programs that speak the provider protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.plugins import random, server, tls, wire
from local.plugins.resource import UNKNOWN, Properties
from tests.unit.plugins.conftest import CA_USES, Authority

PROGRAMS = Path(server.__file__).parent / "bin"
STACK = "urn:pulumi:opendata::coffea-casa"
PASSWORD = f"{STACK}::coffea-casa:index:Hub$random:index/randomPassword:RandomPassword::p"
CERTIFICATE = f"{STACK}::tls:index/selfSignedCert:SelfSignedCert::c"
SOME = provider_pb2.DiffResponse.DIFF_SOME
NONE = provider_pb2.DiffResponse.DIFF_NONE
Stub = provider_pb2_grpc.ResourceProviderStub


@pytest.fixture(scope="module")
def stub() -> Iterator[Any]:
    """A stand-in with all types, and a channel to it."""
    running, port = server.start("1.2.3", {**random.RESOURCES, **tls.RESOURCES})
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Stub(channel)
    running.stop(None)


@pytest.fixture
def inputs(authority: Authority) -> Properties:
    return {
        "privateKeyPem": authority.key["privateKeyPem"],
        "allowedUses": CA_USES,
        "isCaCertificate": True,
        "subject": {"commonName": "facility"},
        "validityPeriodHours": 24,
    }


def raw(struct: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(struct)


def check(stub: Any, urn: str, inputs: Properties, secrets: frozenset[str] = frozenset()) -> Any:
    return stub.Check(provider_pb2.CheckRequest(urn=urn, news=wire.write(inputs, secrets)))


def create(stub: Any, urn: str, inputs: Properties, secrets: frozenset[str] = frozenset()) -> Any:
    return stub.Create(provider_pb2.CreateRequest(urn=urn, properties=wire.write(inputs, secrets)))


def diff(stub: Any, urn: str, outputs: Any, old: Properties, new: Properties) -> Any:
    return stub.Diff(
        provider_pb2.DiffRequest(urn=urn, olds=outputs, old_inputs=wire.write(old), news=wire.write(new))
    )


def test_the_engine_is_told_that_secrets_are_understood(stub: Any) -> None:
    answer = stub.Configure(provider_pb2.ConfigureRequest())
    assert answer.acceptSecrets and not answer.supportsPreview


def test_what_is_wrong_is_a_failure_of_the_property(stub: Any) -> None:
    (failure,) = check(stub, PASSWORD, {"length": 0}).failures
    assert (failure.property, failure.reason) == ("length", "must be at least 1, got 0")


def test_good_inputs_come_back_as_they_were(stub: Any) -> None:
    answer = check(stub, PASSWORD, {"length": 20, "special": False})
    assert not answer.failures
    assert raw(answer.inputs) == {"length": 20, "special": False}


def test_what_is_not_known_yet_is_not_refused(stub: Any, inputs: Properties) -> None:
    unknown = {**inputs, "privateKeyPem": UNKNOWN, "dnsNames": [UNKNOWN], "validityPeriodHours": UNKNOWN}
    answer = check(stub, CERTIFICATE, unknown)
    assert not answer.failures
    assert raw(answer.inputs)["dnsNames"] == [UNKNOWN]


def test_what_is_known_is_refused_though_something_else_is_not(stub: Any, inputs: Properties) -> None:
    given = {**inputs, "privateKeyPem": UNKNOWN, "allowedUses": ["server"]}
    assert [failure.property for failure in check(stub, CERTIFICATE, given).failures] == ["allowedUses"]


def test_secrets_are_marked_in_what_is_made(stub: Any, inputs: Properties) -> None:
    made = raw(create(stub, PASSWORD, {"length": 20}).properties)
    marked = {name for name, value in made.items() if isinstance(value, dict)}
    assert marked == {"result", "bcryptHash"}
    assert made["result"][wire.SIGNATURE] == wire.SECRET
    certificate = create(stub, CERTIFICATE, inputs).properties
    assert wire.secret_names(certificate) == {"privateKeyPem"}


def test_an_input_that_is_secret_is_a_secret_output(stub: Any, inputs: Properties) -> None:
    nested = {**inputs, "subject": {"commonName": wire.secret("x")}}
    assert "subject" in wire.secret_names(check(stub, CERTIFICATE, nested).inputs)
    assert "subject" in wire.secret_names(create(stub, CERTIFICATE, nested).properties)
    marked = create(stub, PASSWORD, {"length": 20}, frozenset({"length"})).properties
    assert wire.secret_names(marked) == {"length", "result", "bcryptHash"}


def test_what_cannot_be_made_is_an_error_that_names_the_property(stub: Any, inputs: Properties) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        create(stub, CERTIFICATE, {**inputs, "privateKeyPem": "no key"})
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "privateKeyPem: is no private key in PEM form"


@pytest.mark.parametrize("method", ["Check", "Diff", "Create", "Read", "Update"])
def test_another_type_needs_the_official_plugin(stub: Any, method: str) -> None:
    request = getattr(provider_pb2, f"{method}Request")
    urn = f"{STACK}::random:index/randomPet:RandomPet::p"
    with pytest.raises(grpc.RpcError) as raised:
        getattr(stub, method)(request(urn=urn))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "random:index/randomPet:RandomPet is not one of the types" in str(raised.value.details())
    assert "install the official plugin" in str(raised.value.details())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"length": 20}, {"length": 20}),
        ({"length": 20}, {"length": 20, "special": True, "minUpper": 0}),
        ({"length": 20, "lower": True, "__defaults": []}, {"length": 20}),
    ],
)
def test_nothing_changes_where_all_is_the_same_or_a_default(
    stub: Any, old: Properties, new: Properties
) -> None:
    made = create(stub, PASSWORD, {"length": 20}).properties
    answer = diff(stub, PASSWORD, made, old, new)
    assert (answer.changes, list(answer.diffs), list(answer.replaces)) == (NONE, [], [])


@pytest.mark.parametrize(
    "change",
    [{"length": 21}, {"special": False}, {"overrideSpecial": "_"}, {"keepers": {"a": "1"}}, {"minUpper": 1}],
)
def test_any_change_of_a_password_makes_a_new_one(stub: Any, change: Properties) -> None:
    made = create(stub, PASSWORD, {"length": 20}).properties
    answer = diff(stub, PASSWORD, made, {"length": 20}, {"length": 20, **change})
    assert (answer.changes, list(answer.replaces)) == (SOME, list(change))


@pytest.mark.parametrize(
    "change",
    [
        {"allowedUses": ["cert_signing"]},
        {"subject": {"commonName": "other"}},
        {"validityPeriodHours": 25},
        {"setSubjectKeyId": True},
        {"dnsNames": ["x"]},
        {"privateKeyPem": UNKNOWN},
        {"privateKeyPemWoVersion": 2},
    ],
)
def test_a_change_of_what_is_in_a_certificate_makes_a_new_one(
    stub: Any, inputs: Properties, change: Properties
) -> None:
    made = create(stub, CERTIFICATE, inputs).properties
    answer = diff(stub, CERTIFICATE, made, inputs, {**inputs, **change})
    assert (answer.changes, list(answer.replaces)) == (SOME, list(change))


def test_the_write_only_key_changes_nothing_without_a_new_version(stub: Any, inputs: Properties) -> None:
    made = create(stub, CERTIFICATE, inputs).properties
    assert diff(stub, CERTIFICATE, made, inputs, {**inputs, "privateKeyPemWo": "x"}).changes == NONE


def test_another_early_renewal_keeps_the_certificate(stub: Any, inputs: Properties) -> None:
    made, new = create(stub, CERTIFICATE, inputs), {**inputs, "earlyRenewalHours": 1}
    answer = diff(stub, CERTIFICATE, made.properties, inputs, new)
    assert (answer.changes, list(answer.diffs), list(answer.replaces)) == (SOME, ["earlyRenewalHours"], [])
    updated = stub.Update(
        provider_pb2.UpdateRequest(
            urn=CERTIFICATE, olds=made.properties, old_inputs=wire.write(inputs), news=wire.write(new)
        )
    )
    before, after = raw(made.properties), raw(updated.properties)
    assert after == {**before, "earlyRenewalHours": 1}
    assert "privateKeyPem" in wire.secret_names(updated.properties)


@pytest.mark.parametrize("early", [24, 1000])
def test_a_certificate_in_its_last_hours_is_made_anew(stub: Any, inputs: Properties, early: int) -> None:
    made = create(stub, CERTIFICATE, {**inputs, "earlyRenewalHours": early}).properties
    same = diff(stub, CERTIFICATE, made, *[{**inputs, "earlyRenewalHours": early}] * 2)
    assert (same.changes, list(same.replaces)) == (SOME, ["readyForRenewal"])


def test_an_early_renewal_that_has_come_makes_a_new_certificate(stub: Any, inputs: Properties) -> None:
    made = create(stub, CERTIFICATE, inputs).properties
    answer = diff(stub, CERTIFICATE, made, inputs, {**inputs, "earlyRenewalHours": 24})
    assert list(answer.replaces) == ["readyForRenewal"]


def test_reading_gives_back_the_state(stub: Any) -> None:
    made = create(stub, PASSWORD, {"length": 20})
    request = provider_pb2.ReadRequest(
        urn=PASSWORD, id=made.id, properties=made.properties, inputs=wire.write({"length": 20})
    )
    answer = stub.Read(request)
    assert (answer.id, answer.properties, answer.inputs) == (made.id, made.properties, request.inputs)


def test_nothing_is_imported(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Read(provider_pb2.ReadRequest(urn=PASSWORD, id="secret"))
    assert "install the official plugin" in str(raised.value.details())


def test_state_names_the_official_schema_it_follows(stub: Any) -> None:
    made = raw(create(stub, PASSWORD, {"length": 20}).properties)
    # The official plugin migrates a state without it, and draws another hash on the way.
    assert made["__meta"] == '{"schema_version":"3"}'


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("name", ["random", "tls"])
def test_the_program_tells_its_port_and_that_it_is_a_stand_in(name: str) -> None:
    with subprocess.Popen(
        [PROGRAMS / f"pulumi-resource-{name}", "127.0.0.1:1"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout and program.stderr
        with grpc.insecure_channel(f"127.0.0.1:{int(program.stdout.readline())}") as channel:
            info = Stub(channel).GetPluginInfo(empty_pb2.Empty())
        program.terminate()
        told = program.stderr.read()
        assert program.stdout.read() == ""
    assert info.version == metadata.version(f"pulumi-{name}")
    assert told == f"{name}: no official plugin here, using this project's stand-in for {info.version}\n"


def test_the_program_ends_with_an_engine_that_crashed() -> None:
    engine = subprocess.Popen(
        ["sh", "-c", '"$0" & echo $!; wait', PROGRAMS / "pulumi-resource-random"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert engine.stdout
    plugin, _ = int(engine.stdout.readline()), int(engine.stdout.readline())
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    for _ in range(100):
        if not Path(f"/proc/{plugin}").exists():
            break
        time.sleep(0.1)
    else:
        os.kill(plugin, signal.SIGKILL)
        pytest.fail("the plugin outlived its engine by ten seconds")
    engine.stdout.close()
