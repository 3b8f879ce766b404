"""Whatever is called by name is there: objects, their keys, ports, components."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tests.stacks.checks.pods import COMPONENT, RUNTIME_PORTS, Pod, pods, runtime_pods
from tools.recording import Json, Resource

Reference = tuple[str, str, str | None]
"""Kind, name, and key if one is meant."""


def _source(kind: str, source: Json, name_field: str = "name") -> Iterator[Reference]:
    name = source[name_field]
    if source.get("optional"):
        return
    yield kind, name, None
    for item in source.get("items") or []:
        yield kind, name, item["key"]


def _volume(volume: Json) -> Iterator[Reference]:
    if "configMap" in volume:
        yield from _source("ConfigMap", volume["configMap"])
    if "secret" in volume:
        yield from _source("Secret", volume["secret"], "secretName")
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None
    for projected in volume.get("projected", {}).get("sources", []):
        if "configMap" in projected:
            yield from _source("ConfigMap", projected["configMap"])
        if "secret" in projected:
            yield from _source("Secret", projected["secret"])


def _environment(container: Json) -> Iterator[Reference]:
    for source in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source:
                yield from _source(kind, source[field])
    for variable in container.get("env", []):
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if reference := variable.get("valueFrom", {}).get(field):
                yield kind, reference["name"], reference["key"]


def references(pod: Pod) -> Iterator[Reference]:
    """Yield every object that a pod cannot start without."""
    for volume in pod.spec.get("volumes", []):
        yield from _volume(volume)
    for container in pod.containers:
        yield from _environment(container)
    if account := pod.spec.get("serviceAccountName"):
        yield "ServiceAccount", account, None
    for secret in pod.spec.get("imagePullSecrets") or []:
        yield "Secret", secret["name"], None


def _known(resources: Sequence[Resource]) -> dict[tuple[str, str], set[str]]:
    """Return (kind, name) of each object to its keys."""
    known: dict[tuple[str, str], set[str]] = {}
    for resource in resources:
        parts = (resource.manifest.get(part, {}) for part in ("data", "stringData", "binaryData"))
        known[resource.kind, resource.metadata_name] = {key for part in parts for key in part}
    return known


MADE_BY_THE_HUB = ("session-{user_server}",)
"""Secrets that are there when the pods are that need them."""


def unresolved(
    resources: Sequence[Resource],
    existing_secrets: Collection[str] = (),
    existing_claims: Collection[str] = (),
) -> list[str]:
    """Return references of pods, RoleBindings and settings to objects or keys that are not there.

    ``existing_secrets`` and ``existing_claims`` are those the settings say somebody else made.
    """
    known = _known(resources)
    problems: list[str] = []
    for pod in (*pods(resources), *runtime_pods(resources)):
        for kind, name, key in references(pod):
            if kind == "Secret" and name in (*existing_secrets, *MADE_BY_THE_HUB):
                continue
            if kind == "PersistentVolumeClaim" and name in existing_claims:
                continue
            if (kind, name) not in known:
                problems.append(f"{pod.owner} needs {kind} {name}, which is not in the stack")
            elif key is not None and key not in known[kind, name]:
                problems.append(f"{pod.owner} needs the key {key} of {kind} {name}, which has none such")
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])} | pod.claims
        for container in pod.containers:
            problems += [
                f"{pod.owner} mounts {mount['name']}, which is none of its volumes"
                for mount in container.get("volumeMounts", [])
                if mount["name"] not in volumes
            ]
    for resource in resources:
        if resource.kind == "RoleBinding":
            role, subjects = resource.manifest["roleRef"], resource.manifest["subjects"]
            for kind, name in [(role["kind"], role["name"]), *((s["kind"], s["name"]) for s in subjects)]:
                if (kind, name) not in known:
                    problems.append(
                        f"RoleBinding {resource.metadata_name} names {kind} {name}, which is not there"
                    )
    return problems


def _matching(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def _listening(selector: dict[str, str], resources: Sequence[Resource]) -> list[dict[str, int]]:
    """Return the ports of each kind of pod that ``selector`` selects."""
    selected = [pod.ports for pod in pods(resources) if _matching(selector, pod.labels)]
    for component, numbers in RUNTIME_PORTS.items():
        if _matching(selector, {COMPONENT: component}):
            selected.append({str(number): number for number in numbers})
    return selected


def dead_services(resources: Sequence[Resource]) -> list[str]:
    """Return Services that select no pod, several kinds of pods, or a port nothing listens on."""
    problems: list[str] = []
    for resource in resources:
        if resource.kind != "Service":
            continue
        spec = resource.manifest["spec"]
        listening = _listening(spec.get("selector") or {"no": "selector"}, resources)
        if len(listening) != 1:
            problems.append(f"Service {resource.metadata_name} selects {len(listening)} kinds of pods")
            continue
        for port in spec["ports"]:
            target = port.get("targetPort", port["port"])
            if target not in {*listening[0], *listening[0].values()}:
                problems.append(
                    f"Service {resource.metadata_name} sends to port {target}, where nothing listens"
                )
    return problems


def dead_ingresses(resources: Sequence[Resource]) -> list[str]:
    """Return Ingresses that send a path to a Service, or to a port of one, that is not there."""
    ports = {
        resource.metadata_name: {port["name"] for port in resource.manifest["spec"]["ports"]}
        for resource in resources
        if resource.kind == "Service"
    }
    return [
        f"Ingress {resource.metadata_name} sends {path['path']} to {told['name']}:{told['port']['name']}"
        for resource in resources
        if resource.kind == "Ingress"
        for rule in resource.manifest["spec"]["rules"]
        for path in rule["http"]["paths"]
        for told in (path["backend"]["service"],)
        if told["port"]["name"] not in ports.get(told["name"], set())
    ]


def unheard_probes(resources: Sequence[Resource]) -> list[str]:
    """Return probes of ports that their container does not declare."""
    problems: list[str] = []
    for pod in pods(resources):
        for container in pod.containers:
            declared = {port["containerPort"] for port in container.get("ports", [])}
            declared |= {port.get("name") for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                action = container.get(probe, {}).get("httpGet") or container.get(probe, {}).get("tcpSocket")
                if action and action["port"] not in declared:
                    problems.append(f"{pod.owner}: {probe} of {container['name']} asks port {action['port']}")
    return problems


_URL = re.compile(r"\b(?:https?|gateway|tls|tcp)://(?P<host>[a-z0-9-]+)(?P<domain>[.a-z0-9-]*):(?P<port>\d+)")
_THIS_MACHINE = {"localhost", "127", "0"}


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def wrong_addresses(resources: Sequence[Resource], namespace: str) -> list[str]:
    """Return URLs, anywhere, whose host is no Service of the facility or whose port that Service has not.

    URLs of other hosts (a name with dots that is not in this namespace) are not looked at.
    """
    ports = {
        resource.metadata_name: {port["port"] for port in resource.manifest["spec"]["ports"]}
        for resource in resources
        if resource.kind == "Service"
    }
    problems: list[str] = []
    for resource in resources:
        for text in texts(resource.manifest):
            for url in _URL.finditer(text):
                host, domain = url["host"], url["domain"]
                inside = not domain or domain == f".{namespace}" or domain.startswith(f".{namespace}.svc")
                if host in _THIS_MACHINE or not inside:
                    continue
                if int(url["port"]) not in ports.get(host, set()):
                    problems.append(
                        f"{resource.kind} {resource.metadata_name} calls {url[0]}: no such Service port"
                    )
    return problems


def unknown_components(resources: Sequence[Resource]) -> list[str]:
    """Return NetworkPolicies about pods of no component, or about a port that nobody listens on."""
    listening: dict[str, set[int]] = {
        pod.labels[COMPONENT]: set(pod.ports.values()) for pod in pods(resources)
    }
    listening |= RUNTIME_PORTS
    problems: list[str] = []

    def check(policy: str, selector: Json, ports: list[Json]) -> None:
        for key, component in selector.get("matchLabels", {}).items():
            if key != COMPONENT or component not in listening:
                problems.append(f"NetworkPolicy {policy} selects {key}={component}: no such component")
                continue
            for port in ports:
                # Ranges are for programs that let the kernel choose.
                if "endPort" not in port and port["port"] not in listening[component]:
                    problems.append(f"NetworkPolicy {policy}: {component} does not listen on {port['port']}")

    for resource in resources:
        if resource.kind != "NetworkPolicy":
            continue
        spec, name = resource.manifest["spec"], resource.metadata_name
        check(
            name, spec["podSelector"], [port for r in spec.get("ingress", []) for port in r.get("ports", [])]
        )
        for rule in spec.get("ingress", []):
            for peer in rule.get("from", []):
                check(name, peer.get("podSelector", {}), [])
        for rule in spec.get("egress", []):
            for peer in rule.get("to", []):
                if "namespaceSelector" not in peer:
                    check(name, peer.get("podSelector", {}), rule.get("ports", []))
    return problems
