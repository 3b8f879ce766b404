"""A small simulator of NetworkPolicies (networking.k8s.io/v1), as the Kubernetes documentation tells it.

A connection needs its caller's side and its receiver's side. A side is open when no
policy selects the pod for that direction, or when a rule of one that does lets it pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network

from tests.stacks.checks.pods import COMPONENT, RUNTIME_PORTS, pods
from tools.recording import Json, Resource


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or an address outside when there is no namespace."""

    address: str
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def pod(component: str, namespace: str) -> End:
    """Return a pod of a component; its address is a private one, which rules by address see, too."""
    return End("10.42.0.7", namespace, {COMPONENT: component})


DNS = End("10.42.0.2", "kube-system", {"k8s-app": "kube-dns"})


Policies = list[Json]


def policies(resources: Sequence[Resource]) -> Policies:
    """Return the NetworkPolicies of a stack, as manifests."""
    return [resource.manifest for resource in resources if resource.kind == "NetworkPolicy"]


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    unknown = set(selector) - {"matchLabels"}
    if unknown:
        raise NotImplementedError(f"the simulator knows no {', '.join(unknown)}")
    return selector.get("matchLabels", {}).items() <= labels.items()


@cache
def _within(address: str, block: str) -> bool:
    return ip_address(address) in ip_network(block)


def _is_peer(peer: Json, end: End, namespace: str) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        excepted = block.get("except") or []
        return _within(end.address, block["cidr"]) and not any(_within(end.address, e) for e in excepted)
    if end.namespace is None:
        return False
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": end.namespace}):
            return False
    elif end.namespace != namespace:
        return False
    return _selects(peer.get("podSelector", {}), end.labels)


def _passes(rule: Json, peers: str, end: End, port: int, protocol: str, namespace: str) -> bool:
    ports = rule.get("ports") or []
    port_passes = not ports or any(
        p.get("protocol", "TCP") == protocol and p["port"] <= port <= p.get("endPort", p["port"])
        for p in ports
    )
    named = rule.get(peers) or []
    return port_passes and (not named or any(_is_peer(peer, end, namespace) for peer in named))


def _open(rules: Policies, direction: str, own: End, other: End, port: int, protocol: str) -> bool:
    if own.namespace is None:
        return True
    field_, peers = direction.lower(), "to" if direction == "Egress" else "from"
    selecting = [
        policy["spec"]
        for policy in rules
        if policy["metadata"]["namespace"] == own.namespace
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], own.labels)
    ]
    return not selecting or any(
        _passes(rule, peers, other, port, protocol, own.namespace)
        for spec in selecting
        for rule in spec.get(field_) or []
    )


def leaves(rules: Policies, caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether the caller's side is open."""
    return _open(rules, "Egress", caller, receiver, port, protocol)


def enters(rules: Policies, caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether the receiver's side is open."""
    return _open(rules, "Ingress", receiver, caller, port, protocol)


def allowed(rules: Policies, caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether a connection passes."""
    return leaves(rules, caller, receiver, port, protocol) and enters(rules, caller, receiver, port, protocol)


def components(resources: Sequence[Resource]) -> list[str]:
    """Return the components that have pods."""
    return sorted({pod.labels[COMPONENT] for pod in pods(resources)} | set(RUNTIME_PORTS))


def interesting_ports(resources: Sequence[Resource]) -> list[int]:
    """Return every port that a pod or a policy names, one below 1024 and one above that nobody names."""
    numbers = {22, 40000} | {number for pod in pods(resources) for number in pod.ports.values()}
    numbers |= {number for ports in RUNTIME_PORTS.values() for number in ports}
    for policy in policies(resources):
        for rule in (*(policy["spec"].get("ingress") or []), *(policy["spec"].get("egress") or [])):
            numbers |= {port["port"] for port in rule.get("ports") or []}
    return sorted(numbers)


Flows = dict[tuple[str, str], set[int]]


def flows(resources: Sequence[Resource], namespace: str) -> Flows:
    """Return (caller, receiver) to those of the interesting ports that pass between the facility's pods."""
    rules, ports, names = policies(resources), interesting_ports(resources), components(resources)
    found = Flows()
    for caller in names:
        for receiver in names:
            ends = pod(caller, namespace), pod(receiver, namespace)
            if passing := {port for port in ports if allowed(rules, *ends, port)}:
                found[caller, receiver] = passing
    return found


def half_flows(resources: Sequence[Resource], namespace: str) -> list[str]:
    """Return connections between the facility's pods of which only one side is open.

    Sides that rules by address open, such as those to the internet, do not count.
    """
    rules, ports, names = policies(resources), interesting_ports(resources), components(resources)
    problems = list[str]()
    for caller in names:
        for receiver in names:
            start, goal = pod(caller, namespace), pod(receiver, namespace)
            for port in ports:
                out = leaves(rules, start, goal, port) and not leaves(rules, start, End(goal.address), port)
                into = enters(rules, start, goal, port) and not enters(rules, End(start.address), goal, port)
                if out != into:
                    missing = "the caller is not let out" if into else "the receiver does not let it in"
                    problems.append(f"{caller} to {receiver}:{port}: {missing}")
    return problems


def open_doors(resources: Sequence[Resource]) -> list[str]:
    """Return rules that name no peer: anybody may come in there, or it may go anywhere."""
    problems: list[str] = []
    for policy in policies(resources):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction) or []:
                if not rule.get(peers):
                    ports = [port["port"] for port in rule.get("ports") or []] or "any port"
                    problems.append(f"{policy['metadata']['name']}: {direction} of anybody at {ports}")
    return problems


def undenied(resources: Sequence[Resource]) -> list[str]:
    """Return the directions in which not everything is denied by default."""
    denied = {
        direction
        for policy in policies(resources)
        if not policy["spec"]["podSelector"]
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
        for direction in policy["spec"]["policyTypes"]
    }
    return sorted({"Ingress", "Egress"} - denied)
