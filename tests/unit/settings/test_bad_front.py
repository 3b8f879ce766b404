"""Wrong settings of what faces the world: each is refused with the key, what is wrong and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load
from settings.errors import Problem

PUBLIC = {"url": "https://af.example.org", "tls": "external", "service": "ClusterIP"}
CERT_MANAGER = {"annotations": {"cert-manager.io/cluster-issuer": "acme"}}
Case = tuple[dict[str, Any], dict[str, Any], str, str, str]


def refused(raw: dict[str, Any], key: str) -> Problem:
    """Return the one refusal of a key."""
    with pytest.raises(SettingsError) as caught:
        load(raw, stack="bad")
    (problem,) = [p for p in caught.value.problems if p.key == key]
    return problem


INGRESSES: list[Case] = [
    ({"tls": "facility"}, {}, "", "contradicts tls: facility and service: ClusterIP", "write tls: external"),
    ({"service": "NodePort"}, {}, "", "contradicts tls: external and service: NodePort", "ClusterIP"),
    ({"url": "http://localhost:8000"}, {}, "", "is for https and the name of a host", "write https://HOST"),
    ({"url": "https://192.0.2.7"}, {}, "", "is for https and the name of a host", "write https://HOST"),
    ({}, {"className": "Nginx Inc"}, ".className", "is no name", "kubectl get"),
    ({}, {"tlsSecret": "a/b"}, ".tlsSecret", "is no name", "kubectl get"),
    ({}, {"controllerNamespace": "ingress.nginx"}, ".controllerNamespace", "is no name", "kubectl get"),
    ({}, {"annotations": {"a b": "c"}}, ".annotations.a b", "is no key of an annotation", "DOMAIN/NAME"),
    ({}, {"annotations": {"a/b/c": "d"}}, ".annotations.a/b/c", "is no key of an annotation", "DOMAIN/NAME"),
    ({}, {"annotations": {"a": 3600}}, ".annotations.a", "3600 is not text", "write text"),
    ({}, CERT_MANAGER, ".tlsSecret", "is missing with an annotation of cert-manager's", "write the name"),
    ({}, {"class": "nginx"}, ".class", "is no setting", "className"),
]


@pytest.mark.parametrize(
    ("public", "ingress", "key", "wrong", "advice"), INGRESSES, ids=lambda value: str(value)[:40]
)
def test_a_wrong_ingress_is_refused_with_its_key_and_what_to_write(
    public: dict[str, Any], ingress: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    problem = refused({"public": PUBLIC | public | {"ingress": ingress}}, f"public.ingress{key}")
    assert wrong in problem.wrong
    assert advice in problem.advice


def test_a_good_ingress_loads() -> None:
    told = CERT_MANAGER | {"className": "nginx", "tlsSecret": "front", "controllerNamespace": "ingress-nginx"}
    ingress = load({"public": PUBLIC | {"ingress": told}}, stack="good").public.ingress
    assert ingress is not None
    assert ingress.asks_for_certificate
    assert load({"public": PUBLIC | {"ingress": {}}}, stack="good").public.ingress is not None


BALANCED = {"url": "https://af.example.org", "service": "LoadBalancer"}
SITE = {
    "collector": "cm.site.example.org",
    "trustDomain": "site.example.org",
    "tokenSecret": "site-token",
    "cidrs": ["198.51.100.0/24"],
    "address": "pool.facility.example.org",
    "universe": "vanilla",
}
POOL = {"mode": "flock", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}
ROUTER = {"service": "LoadBalancer", "port": 8786}


def with_balancer(section: str, service: str, balancer: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which one Service has a balancer."""
    told = {"service": service, "loadBalancer": balancer}
    port = {"port": 30999} if service == "NodePort" else {}
    return {
        "public": BALANCED | (told if section == "public" else {}),
        "daskRouter": ROUTER | (told | port if section == "daskRouter" else {}),
        "pool": POOL | {"site": SITE | (told | port if section == "pool.site" else {})},
    }


@pytest.mark.parametrize("section", ["public", "daskRouter", "pool.site"])
def test_a_balancer_of_each_service_is_looked_at(section: str) -> None:
    good = {"annotations": {"metallb.io/address-pool": "public"}, "className": "metallb.io/metallb"}
    load(with_balancer(section, "LoadBalancer", good), stack="good")
    key = f"{section}.loadBalancer"
    for service in ("NodePort", "ClusterIP"):
        problem = refused(with_balancer(section, service, good), key)
        assert f"is unused with service: {service}" in problem.wrong
        assert "write service: LoadBalancer" in problem.advice
    bad = {"annotations": {"-": "x"}, "className": "no class"}
    assert "no class" in refused(with_balancer(section, "LoadBalancer", bad), f"{key}.className").wrong
    assert "annotation" in refused(with_balancer(section, "LoadBalancer", bad), f"{key}.annotations.-").wrong
