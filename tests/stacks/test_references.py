"""Whatever is called by name is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests import harness
from tests.harness import edited, without
from tests.stacks.checks import references
from tools.recording import Json, Recorded, Resource


def existing_secrets(config: dict[str, str]) -> list[str]:
    """Return the Secrets that the settings say somebody else made."""
    public = json.loads(config.get("coffea-casa:public", "{}"))
    images = json.loads(config.get("coffea-casa:images", "{}"))
    cache = json.loads(config.get("coffea-casa:xcache", "{}"))
    pool = json.loads(config.get("coffea-casa:pool", "{}"))
    named = (
        public.get("tlsSecret"),
        images.get("pullSecret"),
        cache.get("upstreamSecret"),
        pool.get("site", {}).get("tokenSecret"),
    )
    return [name for name in named if name]


def existing_claims(config: dict[str, str]) -> list[str]:
    """Return the claims that the settings say somebody else made."""
    session = json.loads(config.get("coffea-casa:session", "{}"))
    return [volume["claim"] for volume in session.get("volumes", [])]


def test_every_reference_resolves(recorded: Recorded, config: dict[str, str]) -> None:
    assert not references.unresolved(recorded.objects, existing_secrets(config), existing_claims(config))


def test_a_claim_that_nobody_speaks_of_is_noticed() -> None:
    unl = harness.recorded("unl")
    found = references.unresolved(unl.objects, ["xcache-origin", "site-token"])
    assert {problem.split(" needs ")[1] for problem in found} == {
        "PersistentVolumeClaim cvmfs, which is not in the stack"
    }


def test_every_ingress_leads_somewhere(recorded: Recorded) -> None:
    assert not references.dead_ingresses(recorded.objects)


def test_an_ingress_to_nowhere_is_noticed() -> None:
    unl = harness.recorded("unl")

    def another_port(inputs: Json) -> None:
        inputs["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["name"] = "https"

    spoiled = edited(unl.objects, "Ingress", "proxy", another_port)
    assert references.dead_ingresses(spoiled) == ["Ingress proxy sends / to proxy-public:https"]


def pod_of(inputs: Json) -> Json:
    """Return the specification of the pods of a Deployment."""
    return inputs["spec"]["template"]["spec"]


def rename_volume_source(field: str, name_field: str = "name") -> Callable[[Json], None]:
    """Return an edit that makes the first volume of a kind refer to an object that is not there."""

    def edit(inputs: Json) -> None:
        volume = next(volume for volume in pod_of(inputs)["volumes"] if field in volume)
        volume[field][name_field] = "nowhere"

    return edit


def rename_settings_source(inputs: Json) -> None:
    """Rename the session's Secret in the hub's settings."""
    settings = json.loads(inputs["data"]["settings.json"])
    (volume,) = [volume for volume in settings["session"]["volumes"] if "secret" in volume]
    volume["secret"]["secretName"] = "session-of-nobody"
    inputs["data"]["settings.json"] = json.dumps(settings)


def rename_settings_key(inputs: Json) -> None:
    """Ask for a key that the ConfigMap has not."""
    settings = json.loads(inputs["data"]["settings.json"])
    source = {"configMap": {"name": "facility-ca", "items": [{"key": "nothing", "path": "ca.pem"}]}}
    settings["volumes"].append({"name": "more", "projected": {"sources": [source]}})
    inputs["data"]["settings.json"] = json.dumps(settings)


def rename_variable_key(inputs: Json) -> None:
    """Ask for a key that the Secret has not."""
    container = pod_of(inputs)["containers"][0]
    variable = next(variable for variable in container["env"] if "valueFrom" in variable)
    variable["valueFrom"]["secretKeyRef"]["key"] = "nothing"


def mount_nothing(inputs: Json) -> None:
    """Mount a volume that the pod has not."""
    pod_of(inputs)["containers"][0]["volumeMounts"][0]["name"] = "nothing"


def use_env_from(inputs: Json) -> None:
    """Take variables from a ConfigMap that is not there."""
    pod_of(inputs)["containers"][0]["envFrom"] = [{"configMapRef": {"name": "nowhere"}}]


@pytest.mark.parametrize(
    ("kind", "name", "edit"),
    [
        ("Deployment", "hub", rename_volume_source("configMap")),
        ("Deployment", "hub", rename_volume_source("secret", "secretName")),
        ("Deployment", "hub", rename_volume_source("persistentVolumeClaim", "claimName")),
        ("Deployment", "hub", lambda inputs: pod_of(inputs).update(serviceAccountName="nobody")),
        ("Deployment", "hub", lambda inputs: pod_of(inputs).update(imagePullSecrets=[{"name": "none"}])),
        ("Deployment", "hub", mount_nothing),
        ("Deployment", "proxy", rename_variable_key),
        ("Deployment", "proxy", use_env_from),
        ("ConfigMap", "hub-config", rename_settings_source),
        ("ConfigMap", "dask-gateway-config", rename_settings_key),
        ("RoleBinding", "hub", lambda inputs: inputs["roleRef"].update(name="nothing")),
        ("RoleBinding", "hub", lambda inputs: inputs["subjects"][0].update(name="nobody")),
    ],
)
def test_a_reference_to_nothing_is_noticed(
    opendata: Recorded, kind: str, name: str, edit: Callable[[Json], None]
) -> None:
    assert len(set(references.unresolved(edited(opendata.objects, kind, name, edit)))) == 1


def test_a_secret_somebody_else_made_needs_no_object(opendata: Recorded) -> None:
    missing = without(opendata.objects, "Secret", "proxy-tls")
    assert references.unresolved(missing)
    assert not references.unresolved(missing, ["proxy-tls"])


Check = Callable[[Sequence[Resource]], list[str]]


@pytest.mark.parametrize(
    "check",
    [references.dead_services, references.unheard_probes, references.unknown_components],
)
def test_services_probes_and_policies_meet_pods_that_listen(recorded: Recorded, check: Check) -> None:
    assert not check(recorded.objects)


def no_such_selector(inputs: Json) -> None:
    """Select pods nobody makes."""
    inputs["spec"]["selector"] = {"app.kubernetes.io/component": "nobody"}


def select_everything(inputs: Json) -> None:
    """Select all pods of the facility."""
    inputs["spec"]["selector"] = {"app.kubernetes.io/part-of": "coffea-casa"}


def wrong_target(inputs: Json) -> None:
    """Send to a port nothing listens on."""
    inputs["spec"]["ports"][0]["targetPort"] = 9


def wrong_probe(inputs: Json) -> None:
    """Probe a port the container does not have."""
    pod_of(inputs)["containers"][0]["livenessProbe"]["httpGet"]["port"] = 9


def unknown_target(inputs: Json) -> None:
    """Apply to pods nobody makes."""
    inputs["spec"]["podSelector"]["matchLabels"] = {"app.kubernetes.io/component": "nobody"}


def unknown_caller(inputs: Json) -> None:
    """Let in pods nobody makes."""
    inputs["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"] = {"component": "proxy"}


def deaf_port(inputs: Json) -> None:
    """Let in at a port nothing listens on."""
    inputs["spec"]["ingress"][0]["ports"][0]["port"] = 9


@pytest.mark.parametrize(
    ("check", "kind", "name", "edit"),
    [
        (references.dead_services, "Service", "hub", no_such_selector),
        (references.dead_services, "Service", "hub", select_everything),
        (references.dead_services, "Service", "hub", wrong_target),
        (references.dead_services, "Service", "sessions", wrong_target),
        (references.unheard_probes, "Deployment", "hub", wrong_probe),
        (references.unknown_components, "NetworkPolicy", "identity-in", unknown_target),
        (references.unknown_components, "NetworkPolicy", "hub-in", unknown_caller),
        (references.unknown_components, "NetworkPolicy", "hub-in", deaf_port),
    ],
)
def test_a_wrong_selector_or_port_is_noticed(
    opendata: Recorded, check: Check, kind: str, name: str, edit: Callable[[Json], None]
) -> None:
    assert check(edited(opendata.objects, kind, name, edit))


def test_every_address_inside_is_a_service(recorded: Recorded, namespace: str) -> None:
    assert not references.wrong_addresses(recorded.objects, namespace)


@pytest.mark.parametrize(
    "url", ["http://hubb:8081/", "http://hub:8082", "gateway://dask-router.opendata.svc.cluster.local:1/"]
)
def test_an_address_nobody_answers_is_noticed(opendata: Recorded, url: str) -> None:
    def call(inputs: Any) -> None:
        inputs["data"]["extra"] = f"hub={url}"

    problems = references.wrong_addresses(
        edited(opendata.objects, "ConfigMap", "hub-config", call), "opendata"
    )
    assert len(problems) == 1


@pytest.mark.parametrize(
    "url", ["http://hub.opendata.svc:8081", "https://example.org:9/", "http://127.0.0.1:9"]
)
def test_a_right_or_foreign_address_is_let_be(opendata: Recorded, url: str) -> None:
    def call(inputs: Any) -> None:
        inputs["data"]["extra"] = url

    assert not references.wrong_addresses(
        edited(opendata.objects, "ConfigMap", "hub-config", call), "opendata"
    )
