"""The stand-ins against what the official Python packages declare."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ForwardRef, get_args, get_origin

import pulumi
import pulumi_random
import pulumi_tls
import pytest

from local.plugins import certificates, keys, random, resource, tls
from local.plugins.resource import Properties
from tests.unit.plugins.conftest import Authority

ROOT = Path(__file__).resolve().parents[3]
TYPES = {**random.RESOURCES, **tls.RESOURCES}
NAMES = {"subject": {"commonName": "x"}, "dnsNames": ["x"], "ipAddresses": ["::1"], "uris": ["x:y"]}


def classes() -> dict[str, type[pulumi.CustomResource]]:
    """Return every resource class of the official packages by its type token."""
    return {
        getattr(member, "pulumi_type"): member  # noqa: B009
        for module in (pulumi_random, pulumi_tls)
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, pulumi.CustomResource)
    }


CLASSES = {token: found for token, found in classes().items() if token in TYPES}


def args_of(token: str) -> type:
    module = pulumi_random if token.startswith("random:") else pulumi_tls
    return getattr(module, f"{CLASSES[token].__name__}Args")


def declared(found: type) -> dict[str, property]:
    """Return the properties of a class of the package, by the names that the engine knows."""
    return {
        getattr(member.fget, "_pulumi_name", None) or name: member
        for name, member in vars(found).items()
        if isinstance(member, property) and member.fget
    }


def kind(hint: Any) -> type:
    """Return what a stand-in calls the type of an input, from its type hint."""
    first = next(choice for choice in get_args(hint) if choice is not type(None))
    if isinstance(first, ForwardRef):
        return dict
    return {Sequence: list, Mapping: dict}.get(get_origin(first) or first, first)


def everything(token: str, authority: Authority, request: Properties) -> Properties:
    """Return a value for every input of a type but the write-only keys."""
    key, uses = authority.key["privateKeyPem"], {"allowedUses": ["cert_signing"], "validityPeriodHours": 1}
    certificate = {
        "isCaCertificate": True, "maxPathLength": 0, "setSubjectKeyId": True, "earlyRenewalHours": 0, **uses
    }  # fmt: skip
    return {
        "RandomPassword": {"length": 4, "overrideSpecial": "_", "keepers": {"version": "1"}},
        "PrivateKey": {"algorithm": "ED25519"},
        "CertRequest": {"privateKeyPem": key, **NAMES},
        "SelfSignedCert": {"privateKeyPem": key, "setAuthorityKeyId": True, **NAMES, **certificate},
        "LocallySignedCert": {
            "caPrivateKeyPem": key,
            "caCertPem": authority.certificate["certPem"],
            "certRequestPem": request["certRequestPem"],
            **certificate,
        },
    }[CLASSES[token].__name__]


each_type = pytest.mark.parametrize("token", sorted(TYPES))


def test_the_stand_ins_have_exactly_the_types_that_the_facility_uses() -> None:
    text = "\n".join(path.read_text() for path in sorted(ROOT.glob("components/*.py")))
    by_name = {(token.split(":")[0], found.__name__): token for token, found in classes().items()}
    used = {by_name.get(found) for found in re.findall(r"\b(random|tls)\.([A-Z]\w+)\(", text)}
    assert used - {None} == set(TYPES)


@each_type
def test_the_inputs_are_the_declared_ones(token: str) -> None:
    assert set(declared(args_of(token))) == set(TYPES[token].inputs)


@each_type
def test_the_types_of_the_inputs_are_the_declared_ones(token: str) -> None:
    hints = {
        name: kind(inspect.get_annotations(member.fget)["return"])
        for name, member in declared(args_of(token)).items()
        if member.fget
    }
    assert hints == dict(TYPES[token].inputs)


@each_type
def test_the_required_inputs_are_the_declared_ones(token: str) -> None:
    parameters = inspect.signature(args_of(token).__init__).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty} - {"__self__"}
    names = {member.fget.__name__: name for name, member in declared(args_of(token)).items() if member.fget}
    assert {names[name] for name in required} == set(TYPES[token].required)


@each_type
def test_create_gives_exactly_the_declared_outputs(
    token: str, authority: Authority, request_for_hub: Properties
) -> None:
    inputs = everything(token, authority, request_for_hub)
    resource.check(TYPES[token], inputs)
    _, outputs = resource.create(TYPES[token], inputs)
    write_only = {name for name in TYPES[token].inputs if "Wo" in name}
    assert set(outputs) - {"id", "__meta"} == set(declared(CLASSES[token])) - write_only


@each_type
def test_the_secrets_are_the_declared_ones(token: str) -> None:
    found = re.search(r"additional_secret_outputs=(\[.*?\])", inspect.getsource(CLASSES[token]))
    assert found
    assert set(json.loads(found[1])) == set(TYPES[token].secrets)


@each_type
def test_write_only_inputs_are_those_that_the_package_calls_so(token: str) -> None:
    documented = {
        name
        for name, member in declared(args_of(token)).items()
        if "This field is write-only" in (member.__doc__ or "")
    }
    assert documented == set(TYPES[token].write_only)


@pytest.mark.parametrize("name", ["CertRequestSubjectArgs", "SelfSignedCertSubjectArgs"])
def test_the_fields_of_a_subject_are_the_declared_ones(name: str) -> None:
    assert set(declared(getattr(pulumi_tls, name))) == set(certificates.SUBJECT)


def documented_values(args: type, name: str) -> set[str]:
    """Return the values that the package's documentation of an input lists."""
    text = declared(args)[name].__doc__ or ""
    return set(re.findall(r"`(\w+)`", text[text.index("values") :].split(". (default")[0]))


@pytest.mark.parametrize("args", [pulumi_tls.SelfSignedCertArgs, pulumi_tls.LocallySignedCertArgs])
def test_the_allowed_uses_are_the_documented_ones(args: type) -> None:
    known = {*certificates.KEY_USES, *certificates.EXTENDED_USES}
    assert documented_values(args, "allowedUses") == known


def test_the_algorithms_and_curves_are_the_documented_ones() -> None:
    assert documented_values(pulumi_tls.PrivateKeyArgs, "algorithm") == set(keys.ALGORITHMS)
    assert documented_values(pulumi_tls.PrivateKeyArgs, "ecdsaCurve") == set(keys.CURVES)


@each_type
def test_the_defaults_are_the_documented_ones(token: str) -> None:
    documented: Properties = {}
    for name, member in declared(args_of(token)).items():
        found = re.search(r"[Dd]efault(?: value is|:) `(\w+)`", member.__doc__ or "")
        if found:
            text = found[1]
            documented[name] = text if TYPES[token].inputs[name] is str else json.loads(text)
    assert documented == dict(TYPES[token].defaults)
