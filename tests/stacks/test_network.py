"""The flows of a facility: these and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests import harness
from tests.harness import edited, without
from tests.stacks.checks import network
from tests.stacks.checks.network import DNS, End, Flows, allowed, pod
from tools.recording import Recorded

HIGH = {40000}
"""Stands for the ports above 1024 that Dask's workers let the kernel choose."""
INTENDED: Flows = {
    ("proxy", "hub"): {8081},
    ("proxy", "session"): {8888},
    ("proxy", "dask-router"): {8000},
    ("proxy", "identity"): {5556},
    ("hub", "proxy"): {8001},
    ("hub", "session"): {8888},
    # Its log-in, and the question whether its services answer.
    ("hub", "identity"): {5556},
    ("hub", "dask-router"): {8000},
    # Users' credentials: nobody else may even knock.
    ("hub", "credentials"): {8443},
    ("session", "hub"): {8081},
    ("session", "dask-router"): {8000, 8786},
    ("dask-router", "dask-gateway-api"): {8000, 8001},
    ("dask-router", "dask-scheduler"): {8786, 8787},
    # Users' own computers, where the facility has a door for them.
    ("dask-router", "session"): {8786},
    ("dask-gateway-api", "hub"): {8081},
    ("dask-gateway-api", "dask-scheduler"): {8788},
    ("dask-scheduler", "dask-gateway-api"): {8000},
    ("dask-scheduler", "dask-worker"): HIGH,
    ("dask-worker", "dask-worker"): HIGH,
    ("dask-worker", "dask-scheduler"): {8786},
    # Remote data, for whoever runs users' code.
    ("session", "xcache"): {1094},
    ("dask-scheduler", "xcache"): {1094},
    ("dask-worker", "xcache"): {1094},
    # HTCondor: everybody asks the manager who is there, and what runs talks with who sent it.
    ("session", "condor-manager"): {9618},
    ("session", "condor-schedd"): {9618},
    ("condor-manager", "condor-schedd"): {9618},
    ("condor-schedd", "condor-manager"): {9618},
    ("condor-schedd", "condor-execute"): {9618},
    ("condor-execute", "condor-manager"): {9618},
    ("condor-execute", "condor-schedd"): {9618},
    ("condor-execute", "xcache"): {1094},
    # Dask on it. Of workers' ports the first stands for all.
    ("session", "condor-execute"): {10000},
    ("condor-execute", "condor-execute"): {10000},
    ("condor-execute", "session"): {8786},
    # Is the scheduler of these workers still there?
    ("condor-schedd", "session"): {8786},
}
SEVERAL: Flows = {
    ("session", "xcache-redirector"): {1094},
    ("dask-scheduler", "xcache-redirector"): {1094},
    ("dask-worker", "xcache-redirector"): {1094},
    ("condor-execute", "xcache-redirector"): {1094},
    ("xcache", "xcache-redirector"): {1213},
}
"""Besides, of the stacks with several caches."""
AUTHORISED: Flows = {
    # Who checks tokens asks the issuer for its keys.
    ("xcache", "credentials"): {8444},
    ("xcache-redirector", "credentials"): {8444},
}
"""Besides, of the stacks with caches that want tokens."""
API_SERVER = End("10.43.0.1")
NODE = End("192.168.1.10")
WORLD = "dask-router-public"
METADATA = End("169.254.169.254")
INTERNET = End("192.0.2.80")
INTERNET_6 = End("2001:db8::80")


def doors_of(recorded: Recorded) -> set[tuple[str, int]]:
    """Return (component, port) of what the facility means to be public: the proxy, perhaps Dask's door.

    Behind an Ingress the proxy is its controller's alone.
    """
    services = {r.metadata_name: r.manifest["spec"] for r in recorded.objects if r.kind == "Service"}
    behind = any(r.kind == "Ingress" for r in recorded.objects)
    public = {**({} if behind else {"proxy-public": "proxy"}), WORLD: "dask-router"}
    return {
        (component, port["targetPort"])
        for service, component in public.items()
        if service in services
        for port in services[service]["ports"]
    }


@pytest.fixture
def rules(recorded: Recorded) -> network.Policies:
    """The stack's NetworkPolicies."""
    return network.policies(recorded.objects)


def test_the_flows_between_pods_are_the_intended_ones(recorded: Recorded, namespace: str) -> None:
    present = set(network.components(recorded.objects))
    authorised = any(r.metadata_name == "xcache-tls" for r in recorded.objects)
    wanted = INTENDED | SEVERAL | (AUTHORISED if authorised else {})
    intended = {pair: ports for pair, ports in wanted.items() if set(pair) <= present}
    if not any(r.metadata_name == WORLD for r in recorded.objects):
        intended.pop(("dask-router", "session"))
    found = network.flows(recorded.objects, namespace)
    # Of a range of ports, one stands for all.
    found = {pair: HIGH if ports >= HIGH else ports for pair, ports in found.items()}
    assert found == intended


def test_workers_talk_on_high_ports_only(opendata: Recorded) -> None:
    worker = pod("dask-worker", "opendata")
    assert allowed(network.policies(opendata.objects), worker, worker, 1024)
    assert not allowed(network.policies(opendata.objects), worker, worker, 1023)


def test_every_flow_is_open_on_both_sides(recorded: Recorded, namespace: str) -> None:
    assert not network.half_flows(recorded.objects, namespace)


@pytest.mark.parametrize("policy", ["hub-in", "session-to-hub", "proxy-to-session", "dask-scheduler-in"])
def test_a_flow_open_on_one_side_is_noticed(opendata: Recorded, policy: str) -> None:
    assert network.half_flows(without(opendata.objects, "NetworkPolicy", policy), "opendata")


@pytest.mark.parametrize(
    ("caller", "receiver", "port"),
    [
        ("session", "proxy", 8001),
        ("session", "session", 8888),
        ("session", "identity", 5556),
        ("session", "dask-gateway-api", 8000),
        ("session", "dask-gateway-api", 8001),
        ("session", "dask-gateway-controller", 8000),
        ("session", "dask-scheduler", 8786),
        ("session", "dask-worker", 40000),
        ("dask-worker", "hub", 8081),
        ("dask-worker", "dask-gateway-api", 8000),
        ("dask-worker", "session", 8888),
        ("dask-scheduler", "hub", 8081),
        ("dask-scheduler", "session", 8888),
        ("dask-router", "hub", 8081),
        ("dask-router", "session", 8888),
        ("identity", "hub", 8081),
        ("session", "credentials", 8443),
        ("session", "credentials", 8444),
        ("dask-worker", "credentials", 8443),
        ("proxy", "credentials", 8443),
        ("credentials", "hub", 8081),
        ("credentials", "session", 8888),
        ("dask-gateway-api", "session", 8888),
        ("condor-execute", "session", 8888),
        ("condor-execute", "hub", 8081),
        ("condor-execute", "credentials", 8443),
        ("condor-execute", "condor-execute", 9618),
        ("condor-execute", "dask-scheduler", 8786),
        ("condor-schedd", "session", 8888),
        ("condor-schedd", "credentials", 8443),
        ("condor-manager", "condor-execute", 9618),
        ("condor-manager", "session", 8786),
        ("session", "condor-execute", 9618),
        ("session", "session", 8786),
        ("dask-worker", "condor-manager", 9618),
        ("dask-worker", "condor-execute", 10000),
    ],
)
def test_unwanted_connections_are_refused(
    rules: network.Policies, namespace: str, caller: str, receiver: str, port: int
) -> None:
    assert not allowed(rules, pod(caller, namespace), pod(receiver, namespace), port)


@pytest.mark.parametrize("stranger", [INTERNET, INTERNET_6, NODE, End("10.42.0.9", "default", {"a": "b"})])
def test_strangers_come_in_by_the_public_doors_only(
    recorded: Recorded, rules: network.Policies, namespace: str, stranger: End
) -> None:
    doors = {
        (component, port)
        for component in network.components(recorded.objects)
        for port in network.interesting_ports(recorded.objects)
        if network.enters(rules, stranger, pod(component, namespace), port)
    }
    assert doors == doors_of(recorded)


@pytest.mark.parametrize("stack", ["atlas", "unl"])
def test_behind_an_ingress_its_controller_comes_to_the_proxys_public_port_and_nothing_else(
    stack: str,
) -> None:
    recorded = harness.recorded(stack)
    rules, controller = network.policies(recorded.objects), End("10.42.0.9", "ingress-nginx", {"a": "b"})
    assert {
        (component, port)
        for component in network.components(recorded.objects)
        for port in network.interesting_ports(recorded.objects)
        if network.enters(rules, controller, pod(component, stack), port)
    } == {("proxy", 8000)} | doors_of(recorded)


def test_a_site_with_a_pool_comes_to_the_access_point_from_its_own_addresses_alone() -> None:
    rules = network.policies(harness.recorded("unl").objects)
    schedd, site = pod("condor-schedd", "unl"), End("129.93.1.1")
    assert allowed(rules, site, schedd, 9618)
    assert allowed(rules, schedd, site, 9618)
    assert not allowed(rules, INTERNET, schedd, 9618)
    assert not allowed(rules, schedd, INTERNET, 9618)
    assert not allowed(rules, site, pod("condor-manager", "unl"), 9618)


def test_a_namesake_in_another_namespace_is_a_stranger(rules: network.Policies, namespace: str) -> None:
    assert not allowed(rules, pod("proxy", "elsewhere"), pod("hub", namespace), 8081)
    assert not allowed(rules, pod("session", namespace), pod("hub", "elsewhere"), 8081)


@pytest.mark.parametrize("component", ["hub", "dask-gateway-api", "dask-gateway-controller"])
def test_who_manages_pods_reaches_the_kubernetes_api(
    rules: network.Policies, namespace: str, component: str
) -> None:
    assert allowed(rules, pod(component, namespace), API_SERVER, 443)
    assert allowed(rules, pod(component, namespace), NODE, 6443)
    assert not allowed(rules, pod(component, namespace), NODE, 10250)
    assert not allowed(rules, pod(component, namespace), METADATA, 80)


def test_nobody_else_reaches_the_kubernetes_api_the_nodes_or_the_clouds_metadata(
    recorded: Recorded, rules: network.Policies, namespace: str
) -> None:
    managers = {"hub", "dask-gateway-api", "dask-gateway-controller"}
    for component in set(network.components(recorded.objects)) - managers:
        for goal in (API_SERVER, NODE, METADATA, End("fe80::1"), End("fd00::1")):
            for port in (22, 80, 443, 2379, 6443, 10250):
                assert not allowed(rules, pod(component, namespace), goal, port), (component, goal)


def test_users_code_and_the_cache_reach_the_internet_and_no_other_server_does(
    recorded: Recorded, rules: network.Policies, namespace: str
) -> None:
    for component in network.components(recorded.objects):
        users = component in ("session", "dask-scheduler", "dask-worker", "condor-execute", "xcache")
        for goal in (INTERNET, INTERNET_6):
            assert allowed(rules, pod(component, namespace), goal, 1094) == users, component


def test_everybody_asks_the_clusters_dns_and_no_other_pod_there(
    recorded: Recorded, rules: network.Policies, namespace: str
) -> None:
    other = End("10.42.0.3", "kube-system", {"k8s-app": "metrics-server"})
    for component in network.components(recorded.objects):
        for protocol in ("UDP", "TCP"):
            assert allowed(rules, pod(component, namespace), DNS, 53, protocol)
        assert not allowed(rules, pod(component, namespace), DNS, 9153)
        assert not allowed(rules, pod(component, namespace), other, 53)


def test_everything_is_denied_by_default(recorded: Recorded) -> None:
    assert not network.undenied(recorded.objects)


def test_a_lost_default_is_noticed(opendata: Recorded) -> None:
    assert network.undenied(without(opendata.objects, "NetworkPolicy", "default-deny")) == [
        "Egress",
        "Ingress",
    ]

    def only_in(inputs: Any) -> None:
        inputs["spec"]["policyTypes"] = ["Ingress"]

    spoiled = edited(opendata.objects, "NetworkPolicy", "default-deny", only_in)
    assert network.undenied(spoiled) == ["Egress"]


def test_the_public_doors_are_the_only_rules_without_a_peer(recorded: Recorded) -> None:
    assert sorted(network.open_doors(recorded.objects)) == sorted(
        f"{component}-in: ingress of anybody at [{port}]" for component, port in doors_of(recorded)
    )


def test_gateway_clusters_are_behind_no_public_door(recorded: Recorded) -> None:
    assert not doors_of(recorded) & {("dask-router", 8786), ("dask-router", 8000)}


def test_another_open_door_is_noticed(opendata: Recorded) -> None:
    def open_up(inputs: Any) -> None:
        inputs["spec"]["ingress"].append({"from": []})

    spoiled = edited(opendata.objects, "NetworkPolicy", "hub-in", open_up)
    assert len(network.open_doors(spoiled)) == len(doors_of(opendata)) + 1


class TestTheSimulator:
    """What the Kubernetes documentation says of NetworkPolicies."""

    @staticmethod
    def policy(**spec: Any) -> network.Policies:
        return [{"kind": "NetworkPolicy", "metadata": {"name": "x", "namespace": "n"}, "spec": spec}]

    def test_without_a_policy_everything_passes(self) -> None:
        assert allowed([], pod("a", "n"), pod("b", "n"), 1)

    def test_a_policy_without_rules_denies_its_direction_and_its_pods_only(self) -> None:
        selector = {"matchLabels": {"app.kubernetes.io/component": "b"}}
        deny = self.policy(podSelector=selector, policyTypes=["Ingress"])
        assert not allowed(deny, pod("a", "n"), pod("b", "n"), 1)
        assert allowed(deny, pod("b", "n"), pod("a", "n"), 1)

    def test_a_rule_without_peers_and_ports_allows_all(self) -> None:
        assert allowed(
            self.policy(podSelector={}, policyTypes=["Ingress"], ingress=[{}]), INTERNET, pod("b", "n"), 1
        )

    def test_an_address_block_has_exceptions_and_a_version(self) -> None:
        block = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}
        rules = self.policy(podSelector={}, policyTypes=["Egress"], egress=[{"to": [{"ipBlock": block}]}])
        assert allowed(rules, pod("a", "n"), INTERNET, 1)
        assert not allowed(rules, pod("a", "n"), API_SERVER, 1)
        assert not allowed(rules, pod("a", "n"), INTERNET_6, 1)

    def test_the_protocol_and_the_range_of_ports_count(self) -> None:
        ports = [{"protocol": "TCP", "port": 5, "endPort": 7}]
        rules = self.policy(podSelector={}, policyTypes=["Egress"], egress=[{"ports": ports}])
        assert allowed(rules, pod("a", "n"), INTERNET, 6)
        assert not allowed(rules, pod("a", "n"), INTERNET, 8)
        assert not allowed(rules, pod("a", "n"), INTERNET, 6, "UDP")

    def test_a_selector_it_does_not_know_is_refused(self) -> None:
        rules = self.policy(podSelector={"matchExpressions": []}, policyTypes=["Egress"])
        with pytest.raises(NotImplementedError, match="matchExpressions"):
            allowed(rules, pod("a", "n"), INTERNET, 6)
