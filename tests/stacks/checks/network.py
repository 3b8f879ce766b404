"""A small simulator of NetworkPolicies (networking.k8s.io/v1), as the Kubernetes documentation tells it.

A connection needs its caller's side and its receiver's side. A side is open when no
policy selects the pod for that direction, or when a rule of one that does lets it pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    unknown = set(selector) - {"matchLabels"}
    if unknown:
        raise NotImplementedError(f"the simulator knows no {', '.join(unknown)}")
    return selector.get("matchLabels", {}).items() <= labels.items()


def _is_peer(peer: Json, end: End, namespace: str) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ip_address(end.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(excepted) for excepted in block.get("except", [])
        )
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
        p.get("protocol", "TCP") == protocol and p["port"] <= port <= p.get("endPort", p["port"]) for p in ports
    )
    named = rule.get(peers) or []
    return port_passes and (not named or any(_is_peer(peer, end, namespace) for peer in named))


def _open(
    policies: Sequence[Resource], direction: str, own: End, other: End, port: int, protocol: str
) -> bool:
    if own.namespace is None:
        return True
    rules, peers = direction.lower(), "to" if direction == "Egress" else "from"
    selecting = [
        policy.manifest
        for policy in policies
        if policy.kind == "NetworkPolicy"
        and policy.manifest["metadata"]["namespace"] == own.namespace
        and direction in policy.manifest["spec"]["policyTypes"]
        and _selects(policy.manifest["spec"]["podSelector"], own.labels)
    ]
    if not selecting:
        return True
    return any(
        _passes(rule, peers, other, port, protocol, own.namespace)
        for policy in selecting
        for rule in policy["spec"].get(rules) or []
    )


def leaves(policies: Sequence[Resource], caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether the caller's side is open."""
    return _open(policies, "Egress", caller, receiver, port, protocol)


def enters(policies: Sequence[Resource], caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether the receiver's side is open."""
    return _open(policies, "Ingress", receiver, caller, port, protocol)


def allowed(policies: Sequence[Resource], caller: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Tell whether a connection passes."""
    return leaves(policies, caller, receiver, port, protocol) and enters(policies, caller, receiver, port, protocol)


def components(resources: Sequence[Resource]) -> list[str]:
    """Return the components that have pods."""
    return sorted({pod.labels[COMPONENT] for pod in pods(resources)} | set(RUNTIME_PORTS))


def interesting_ports(resources: Sequence[Resource]) -> list[int]:
    """Return every port that a pod or a policy names, one below 1024 and one above that nobody names."""
    numbers = {22, 40000} | {number for pod in pods(resources) for number in pod.ports.values()}
    numbers |= {number for ports in RUNTIME_PORTS.values() for number in ports}
    for resource in resources:
        if resource.kind == "NetworkPolicy":
            spec = resource.manifest["spec"]
            for rule in (*spec.get("ingress", []), *spec.get("egress", [])):
                numbers |= {port["port"] for port in rule.get("ports") or []}
    return sorted(numbers)


Flows = dict[tuple[str, str], set[int]]


def flows(resources: Sequence[Resource], namespace: str) -> Flows:
    """Return (caller, receiver) to the ports, of the interesting ones, that pass between the facility's pods."""
    names, found = components(resources), Flows()
    for caller in names:
        for receiver in names:
            ends = pod(caller, namespace), pod(receiver, namespace)
            passing = {p for p in interesting_ports(resources) if allowed(resources, *ends, p)}
            if passing:
                found[caller, receiver] = passing
    return found


def half_flows(resources: Sequence[Resource], namespace: str) -> list[str]:
    """Return connections between the facility's pods of which a policy by label opens one side only."""
    names, problems = components(resources), list[str]()
    for caller in names:
        for receiver in names:
            # An address of no block: whatever passes does so by a rule that names the pods.
            start = End("192.0.2.1", namespace, {COMPONENT: caller})
            goal = End("10.42.0.8", namespace, {COMPONENT: receiver})
            for port in interesting_ports(resources):
                out = leaves(resources, start, goal, port)
                into = enters(resources, start, goal, port)
                if out != into and not (into and _from_anywhere(resources, goal, port)) and not (
                    out and _by_address(resources, start, goal, port)
                ):
                    missing = "the caller is not let out" if into else "the receiver does not let it in"
                    problems.append(f"{caller} to {receiver}:{port}: {missing}")
    return problems


def _from_anywhere(resources: Sequence[Resource], receiver: End, port: int) -> bool:
    return enters(resources, End("203.0.113.9"), receiver, port)


def _by_address(resources: Sequence[Resource], caller: End, receiver: End, port: int) -> bool:
    return leaves(resources, caller, End(receiver.address), port)


def open_doors(resources: Sequence[Resource]) -> list[str]:
    """Return rules that name no peer: anybody may come in there, or it may go anywhere."""
    problems: list[str] = []
    for resource in resources:
        if resource.kind == "NetworkPolicy":
            spec = resource.manifest["spec"]
            for direction, peers in (("ingress", "from"), ("egress", "to")):
                for rule in spec.get(direction) or []:
                    if not rule.get(peers):
                        ports = [port["port"] for port in rule.get("ports") or []]
                        problems.append(f"{resource.metadata_name}: {direction} of anybody at {ports or 'any port'}")
    return problems


def undenied(resources: Sequence[Resource]) -> list[str]:
    """Return the directions in which not everything is denied by default."""
    denied = {
        direction
        for resource in resources
        if resource.kind == "NetworkPolicy"
        and not resource.manifest["spec"]["podSelector"]
        and not resource.manifest["spec"].get("ingress")
        and not resource.manifest["spec"].get("egress")
        for direction in resource.manifest["spec"]["policyTypes"]
    }
    return sorted({"Ingress", "Egress"} - denied)
