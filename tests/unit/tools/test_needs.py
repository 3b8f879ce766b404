"""What an operator must provide follows from the settings."""

from __future__ import annotations

import runpy
from typing import Any

from check.pool import JUDGE
from settings import load
from tools.needs import LEVELS, needs, told

OUTSIDE = {"public": {"url": "https://af.example.org", "service": "LoadBalancer"}}
SECRET = frozenset({"clientSecret"})


def listed(raw: dict[str, Any]) -> str:
    secrets = SECRET if "clientSecret" in raw else frozenset[str]()
    return told(needs(load(raw, stack="site", secrets=secrets), "site"))


def test_a_facility_of_localhost_needs_little() -> None:
    text = listed({})
    assert "pulumi stack init site" in text
    for other in ("DNS", "OIDC", "create secret", "make images"):
        assert other not in text


def test_names_are_asked_for_with_the_wildcard_of_the_router() -> None:
    assert "*.dask" not in listed(OUTSIDE)
    text = listed(OUTSIDE | {"daskRouter": {"service": "LoadBalancer", "port": 8786}})
    assert "The DNS name af.example.org" in text
    assert "*.dask.af.example.org" in text
    assert "kubectl --namespace site get service dask-router-public" in text


def test_an_address_needs_no_name() -> None:
    assert "DNS" not in listed({"public": {"url": "https://192.0.2.7"}})


def test_an_issuer_needs_a_client_with_the_redirect_uri_and_its_secret() -> None:
    issuer = {"issuer": "https://issuer.example.org", "clientId": "af"}
    text = listed(OUTSIDE | {"identity": issuer, "access": {"everyone": True}, "clientSecret": "hunter2"})
    assert "https://af.example.org/hub/oauth_callback" in text
    assert "pulumi config set --stack site --secret coffea-casa:clientSecret" in text
    assert "hunter2" not in text


def test_every_secret_of_the_settings_is_asked_for_with_its_keys() -> None:
    text = listed(
        {
            "namespace": "af",
            "public": OUTSIDE["public"] | {"tls": "secret", "tlsSecret": "front"},
            "images": {"registry": "registry.example.org/af", "pullSecret": "pull"},
            "xcache": {
                "origin": "o.example.org",
                "prefix": "/a",
                "upstream": "token",
                "upstreamSecret": "up",
            },
        }
    )
    assert "kubectl --namespace af create secret tls front --cert=tls.crt --key=tls.key" in text
    assert "create secret docker-registry pull --docker-server=registry.example.org" in text
    assert "create secret generic up --from-file=token=FILE" in text
    x509 = {"origin": "o.example.org", "prefix": "/a", "upstream": "x509", "upstreamSecret": "up"}
    assert "--from-file=tls.crt=FILE --from-file=tls.key=FILE" in listed({"xcache": x509})


def test_a_sites_pool_needs_its_token_with_three_rights_and_ways_to_it_and_back() -> None:
    site = {
        "collector": "cm.site.example",
        "trustDomain": "site.example",
        "tokenSecret": "site-token",
        "cidrs": ["198.51.100.0/24"],
        "address": "pool.af.example.org",
        "image": "docker://registry.example.org/execute:1",
    }
    pool = {"trustDomain": "pool.af.example.org", "uidDomain": "users.af.example.org"}
    router = {"daskRouter": {"service": "LoadBalancer", "port": 8786}}
    text = listed(OUTSIDE | router | {"pool": pool | {"mode": "flock", "site": site}})
    scope = runpy.run_path(str(JUDGE))["SCOPE"]
    assert {f"condor:/{level}" for level in LEVELS.split() if level != "-authz"} == scope
    assert f"condor_token_create -identity NAME@site.example {LEVELS} > FILE" in text
    assert "kubectl --namespace site create secret generic site-token --from-file=token=FILE" in text
    assert "to pool.af.example.org:9618" in text
    assert "ports 10000 to 10999" in text
    assert "execute image as docker://registry.example.org/execute:1" in text
    assert "condor" not in listed({"pool": pool | {"mode": "embedded"}})


def test_a_sites_access_point_needs_tokens_and_who_believes_them() -> None:
    remote: dict[str, object] = {
        "collector": "cm.site.example",
        "schedd": "schedd@cm.site.example",
        "cidrs": ["198.51.100.0/24"],
        "universe": "vanilla",
    }
    pool = {"mode": "remote", "trustDomain": "site.example", "uidDomain": "users.site.example"}
    router = {"daskRouter": {"service": "LoadBalancer", "port": 8786}}
    tokens = {"audience": "https://condor.site.example", "caConfigMap": "condor-ca"}
    text = listed(OUTSIDE | router | {"pool": pool | {"remote": remote | tokens}})
    assert "/hub/issuer for https://condor.site.example" in text
    assert "create configmap condor-ca --from-file=ca.pem=FILE" in text
    given = {"tokens": "secrets", "secret": "condor-token"}
    text = listed(OUTSIDE | router | {"pool": pool | {"remote": remote | given}})
    assert "create secret generic condor-token-LABEL --from-file=token=FILE" in text
    assert "issuer" not in text


def test_an_ingress_needs_its_controller_and_a_certificate_from_somebody() -> None:
    front = {"url": "https://af.example.org", "tls": "external", "service": "ClusterIP"}
    text = listed({"public": front | {"ingress": {"tlsSecret": "front"}}})
    assert "get ingress proxy" in text
    assert "proxy-public" not in text
    assert "create secret tls front" in text
    asked = {"tlsSecret": "front", "annotations": {"cert-manager.io/issuer": "acme"}}
    text = listed({"public": front | {"ingress": asked}})
    assert "cert-manager" in text
    assert "create secret tls" not in text


def test_directories_of_the_sites_need_claims_for_many() -> None:
    data = {"name": "data", "claim": "big", "mountPath": "/data", "readOnly": False}
    text = listed({"session": {"volumes": [data]}})
    assert "A claim big (ReadWriteMany) for /data" in text
    assert "kubectl --namespace site get pvc big" in text


def test_volumes_and_rights_are_asked_for() -> None:
    cache = {"origin": "o.example.org", "prefix": "/a", "size": "1Ti", "replicas": 3}
    text = listed({"kubernetes": {"storageClass": "fast"}, "xcache": cache})
    assert "kubectl get storageclass fast" in text
    assert "3 of 1Ti for caches" in text
    assert "can-i create customresourcedefinitions" in text
    assert "customresourcedefinitions" not in listed({"daskGateway": {"installCrd": False}})
