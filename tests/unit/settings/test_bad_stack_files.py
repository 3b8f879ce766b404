"""Wrong stack files: each is refused with the key, what is wrong and what to write."""

from typing import Any

import jsonschema
import pytest

from settings import SettingsError, load
from settings.schema import stack_schema

ISSUER = {"issuer": "https://issuer.example.org", "clientId": "facility"}
PROFILE = {"name": "one", "title": "One"}
SCHEMA = "the schema sees it too"

Case = tuple[dict[str, Any], str, str, str]

TYPES: list[Case] = [
    ({"hubb": {}}, "hubb", "is no setting", "did you mean hub?"),
    ({"hub": {"idletimeout": 60}}, "hub.idletimeout", "is no setting", "did you mean idleTimeout?"),
    ({"network": {"zzz": 1}}, "network.zzz", "is no setting", "the settings here are apiServerCidrs"),
    ({"hub": {"idleTimeout": "1h"}}, "hub.idleTimeout", "'1h' is not a whole number", "write a whole number"),
    ({"hub": {"idleTimeout": True}}, "hub.idleTimeout", "True is not a whole number", "write a whole number"),
    ({"hub": {"idleTimeout": 90.5}}, "hub.idleTimeout", "90.5 is not a whole number", "write a whole number"),
    ({"hub": "small"}, "hub", "'small' is no mapping", "write keys such as concurrentSpawns"),
    ({"namespace": 7}, "namespace", "7 is not text", "write text"),
    ({"access": {"everyone": "yes"}}, "access.everyone", "'yes' is not true or false", "write true or false"),
    ({"access": {"users": "ada"}}, "access.users", "'ada' is no list", "write a list of text"),
    ({"access": {"users": [1]}}, "access.users[0]", "1 is not text", "write text"),
    (
        {"public": {"tls": "maybe"}},
        "public.tls",
        "'maybe' is none of the choices",
        "write facility or secret",
    ),
    ({"public": {"nodePort": "30443"}}, "public.nodePort", "'30443' is not a whole number", "write a whole"),
    ({"images": {"overrides": []}}, "images.overrides", "[] is no mapping", "write NAME: text"),
    ({"images": {"overrides": {"hub": 5}}}, "images.overrides.hub", "5 is not text", "write text"),
    ({"session": {"profiles": [{"name": "a"}]}}, "session.profiles[0].title", "is missing", "write text"),
    (
        {"session": {"profiles": ["small"]}},
        "session.profiles[0]",
        "'small' is no mapping",
        "write keys such as",
    ),
    (
        {"session": {"profiles": [PROFILE | {"cores": "two"}]}},
        "session.profiles[0].cores",
        "'two' is not a number",
        "write a number",
    ),
]

RULES: list[Case] = [
    ({"hub": {1: 2}}, "hub.1", "is no setting", "the settings here are concurrentSpawns"),
    (
        {"daskGateway": {"limits": {"cores": float("nan")}}},
        "daskGateway.limits.cores",
        "nan is not a number",
        "write a number",
    ),
    (
        {"daskGateway": {"limits": {"cores": float("inf")}}},
        "daskGateway.limits.cores",
        "inf is not a number",
        "write a number",
    ),
    ({"kubernetes": {"context": ""}}, "kubernetes.context", "is empty", "leave it out"),
    ({"kubernetes": {"context": " x"}}, "kubernetes.context", "has blanks around it", "take them out"),
    ({"access": {"users": ["a\nb"]}}, "access.users[0]", "unprintable letters", "take them out"),
    ({"public": {"url": "https://[::1"}}, "public.url", "is no address", "write https://HOST"),
    ({"images": {"registry": "-x/y"}}, "images.registry", "is no registry path", "write HOST/PATH"),
    ({"namespace": "Open_Data"}, "namespace", "'Open_Data' is no name", "write at most 63 lower-case"),
    ({"namespace": "a" * 64}, "namespace", "is no name", "write at most 63"),
    (
        {"kubernetes": {"dnsDomain": "cluster local"}},
        "kubernetes.dnsDomain",
        "no DNS domain",
        "write cluster.local",
    ),
    (
        {"kubernetes": {"storageClass": "Fast!"}},
        "kubernetes.storageClass",
        "'Fast!' is no name",
        "kubectl get",
    ),
    (
        {"images": {"registry": "https://r.example.org"}},
        "images.registry",
        "is no registry path",
        "without scheme",
    ),
    ({"images": {"registry": "r.example.org/"}}, "images.registry", "is no registry path", "trailing slash"),
    (
        {"images": {"overrides": {"hubs": "r/x:1"}}},
        "images.overrides.hubs",
        "is no image of ours",
        "the images are",
    ),
    (
        {"images": {"overrides": {"hub": "r/x"}}},
        "images.overrides.hub",
        "'r/x' has no tag",
        "write REGISTRY/NAME:TAG",
    ),
    (
        {"images": {"overrides": {"hub": "r/x:latest"}}},
        "images.overrides.hub",
        "may change",
        "write a fixed tag",
    ),
    (
        {"images": {"overrides": {"hub": "a b:1"}}},
        "images.overrides.hub",
        "is no image reference",
        "REGISTRY/NAME",
    ),
    (
        {"images": {"pullSecret": "My Secret"}},
        "images.pullSecret",
        "is no name of a Secret",
        "write the Secret's",
    ),
    (
        {"public": {"url": "http://c.example.org"}},
        "public.url",
        "public but not TLS",
        "write https://c.example.org",
    ),
    ({"public": {"url": "c.example.org"}}, "public.url", "is no address", "write https://HOST"),
    ({"public": {"url": "https://c.example.org/hub"}}, "public.url", "is no address", "no path"),
    (
        {"public": {"url": "http://localhost:8000"}},
        "public.tls",
        "contradicts public.url",
        "or tls: external",
    ),
    (
        {"public": {"tls": "secret"}},
        "public.tlsSecret",
        "is missing with tls: secret",
        "write the Secret's name",
    ),
    ({"public": {"tlsSecret": "c"}}, "public.tlsSecret", "'c' is unused", "write tls: secret"),
    ({"public": {"nodePort": 80}}, "public.nodePort", "80 is no node port", "30000 to 32767"),
    (
        {"public": {"nodePort": 30443, "service": "ClusterIP"}},
        "public.nodePort",
        "30443 is unused",
        "write service: NodePort",
    ),
    ({"identity": ISSUER}, "clientSecret", "is missing with an issuer", "pulumi config set --secret"),
    (
        {"identity": {"issuer": "https://i.example.org"}},
        "identity.clientId",
        "is missing",
        "write the client's",
    ),
    ({"identity": {"clientId": "x"}}, "identity.clientId", "'x' is of no issuer", "write identity.issuer"),
    (
        {"identity": ISSUER | {"issuer": "http://i"}},
        "identity.issuer",
        "is no https address",
        "write https://HOST",
    ),
    ({"identity": ISSUER | {"users": ["a@b.c"]}}, "identity.users", "own Dex", "leave users out"),
    ({"identity": {"scopes": ["email"]}}, "identity.scopes", "lack openid", "write openid"),
    ({"identity": {"usernameClaim": ""}}, "identity.usernameClaim", "is empty", "write text"),
    ({"identity": {"users": []}}, "identity.users", "is empty", "write at least one"),
    ({"identity": {"users": ["ada"]}}, "identity.users[0]", "'ada' is no e-mail address", "write NAME@HOST"),
    (
        {"identity": {"users": ["a@b.c", "A@b.c"]}},
        "identity.users",
        "is there 2 times",
        "write each user once",
    ),
    ({"identity": ISSUER}, "access", "lets nobody in", "write access.users"),
    ({"access": {"everyone": True, "users": ["a"]}}, "access.everyone", "contradicts", "write either"),
    (
        {"access": {"groups": ["cms"]}},
        "access.groups",
        "need to know a user's groups",
        "write identity.groupsClaim",
    ),
    (
        {"access": {"adminGroups": ["cms"]}},
        "access.adminGroups",
        "need to know",
        "write identity.groupsClaim",
    ),
    ({"hub": {"concurrentSpawns": 0}}, "hub.concurrentSpawns", "0 is out of range", "write 1 to 256"),
    ({"hub": {"idleTimeout": 5}}, "hub.idleTimeout", "5 is out of range", "write 60 to 604800 seconds"),
    ({"hub": {"maxAge": 600}}, "hub.maxAge", "600 is less than hub.idleTimeout 3600", "or 0 for never"),
    ({"hub": {"databaseSize": "1G"}}, "hub.databaseSize", "'1G' is no size", "such as 2Gi"),
    ({"session": {"profiles": []}}, "session.profiles", "is empty", "write at least one profile"),
    (
        {"session": {"profiles": [PROFILE, PROFILE]}},
        "session.profiles",
        "'one' is there 2 times",
        "each profile once",
    ),
    (
        {"session": {"profiles": [PROFILE | {"name": "Big One"}]}},
        "session.profiles[0].name",
        "'Big One' is no short name",
        "write lower-case",
    ),
    (
        {"session": {"profiles": [PROFILE | {"cores": 1, "coresRequest": 2}]}},
        "session.profiles[0].coresRequest",
        "2 is more than session.profiles[0].cores",
        "write at most",
    ),
    (
        {"session": {"profiles": [PROFILE, PROFILE | {"name": "b", "memoryRequest": "8Gi"}]}},
        "session.profiles[1].memoryRequest",
        "8Gi is more than session.profiles[1].memory",
        "write at most",
    ),
    (
        {"session": {"profiles": [PROFILE | {"image": "r/x:latest"}]}},
        "session.profiles[0].image",
        "may change at any time",
        "write a fixed tag",
    ),
    ({"session": {"homeSize": "big"}}, "session.homeSize", "'big' is no size", "such as 2Gi"),
    ({"session": {"startTimeout": 1}}, "session.startTimeout", "1 is out of range", "write 30 to 3600"),
    ({"daskGateway": {"idleTimeout": 1}}, "daskGateway.idleTimeout", "1 is out of range", "write 60"),
    (
        {"daskGateway": {"limits": {"clusters": 0}}},
        "daskGateway.limits.clusters",
        "0 is out of range",
        "write 1",
    ),
    (
        {"daskGateway": {"limits": {"cores": 1}}},
        "daskGateway.limits.cores",
        "less than a scheduler",
        "at least 2",
    ),
    (
        {"daskGateway": {"limits": {"memory": "1Gi"}}},
        "daskGateway.limits.memory",
        "less than",
        "at least 4096Mi",
    ),
    (
        {"daskGateway": {"worker": {"memory": "2"}}},
        "daskGateway.worker.memory",
        "'2' is no size",
        "such as 2Gi",
    ),
    (
        {"network": {"apiServerCidrs": ["10.0.0.1/8"]}},
        "network.apiServerCidrs[0]",
        "no network",
        "ADDRESS/BITS",
    ),
    (
        {"network": {"monitoringNamespace": "*"}},
        "network.monitoringNamespace",
        "no name of a namespace",
        "that Prometheus runs in",
    ),
    ({"network": {"apiServerPorts": []}}, "network.apiServerPorts", "is empty", "Kubernetes API server"),
    (
        {"network": {"apiServerPorts": [70000]}},
        "network.apiServerPorts[0]",
        "out of range",
        "write 1 to 65535",
    ),
    ({"namespace": "CHANGEME"}, "namespace", "'CHANGEME' is a placeholder", "write the site's own value"),
    ({"access": {"users": ["<user>"]}}, "access.users[0]", "'<user>' is a placeholder", "the site's own"),
]


def problems(raw: dict[str, Any], secrets: frozenset[str] = frozenset()) -> dict[str, str]:
    """Load a file that must be refused; return its problems by key."""
    with pytest.raises(SettingsError) as caught:
        load(raw, stack="bad", secrets=secrets)
    assert "Pulumi.bad.yaml" in str(caught.value)
    return {problem.key: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize(("raw", "key", "wrong", "advice"), TYPES + RULES, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_refused_with_its_key_and_what_to_write(
    raw: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    message = problems(raw)[key]
    assert message.startswith(f"coffea-casa:{key}: ")
    told, _, advised = message.partition("; ")
    assert wrong in told
    assert advice in advised


@pytest.mark.parametrize(("raw", "key", "wrong", "advice"), TYPES, ids=lambda value: str(value)[:40])
def test_an_editor_marks_wrong_keys_and_types(raw: dict[str, Any], key: str, wrong: str, advice: str) -> None:
    config = {f"coffea-casa:{name}": value for name, value in raw.items()}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"config": config}, stack_schema())


def test_all_problems_are_told_at_once() -> None:
    found = problems({"hub": {"idleTimeout": 1, "concurrentSpawns": 0}, "session": {"homeSize": "x"}})
    assert set(found) == {"hub.idleTimeout", "hub.concurrentSpawns", "session.homeSize"}


def test_every_placeholder_is_listed() -> None:
    raw = {"namespace": "replace_me", "public": {"url": "<url>"}, "access": {"users": ["ada", "changeme"]}}
    assert set(problems(raw)) == {"namespace", "public.url", "access.users[1]"}


def test_a_client_secret_in_plain_text_is_refused_and_never_repeated() -> None:
    found = problems({"identity": ISSUER, "access": {"everyone": True}, "clientSecret": "hunter2"})
    assert "is written in plain text" in found["clientSecret"]
    assert "hunter2" not in " ".join(found.values())


def test_a_secret_inside_an_object_is_refused_and_never_repeated() -> None:
    found = problems({"hub": {"idleTimeout": "hunter2"}}, secrets=frozenset({"hub"}))
    assert "is marked secret" in found["hub"]
    assert "hunter2" not in " ".join(found.values())


def test_a_client_secret_without_an_issuer_is_refused() -> None:
    found = problems({"clientSecret": "hunter2"}, secrets=frozenset({"clientSecret"}))
    assert "there is no issuer" in found["clientSecret"]
    assert "hunter2" not in found["clientSecret"]
