"""Each rule with resources that keep it and resources that do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policy import lifetimes, login, pods, protection, rights, secrecy, tls
from policy.rules import RULES, breaches, violations
from policy.subject import Rule, Subject

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
KEY = "-----BEGIN EC PRIVATE " + "KEY-----"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def container(**changes: Any) -> dict[str, Any]:
    """Return a container that keeps every rule."""
    good = {
        "name": "main",
        "image": "registry.example.org/hub:1.0",
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {**good, **changes}


def context(**changes: Any) -> dict[str, Any]:
    """Return a container with another securityContext."""
    return container(securityContext={**container()["securityContext"], **changes})


def pod(*containers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a pod that keeps every rule, if its containers do."""
    outer = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"securityContext": outer, "containers": list(containers or [container()]), **changes}


def workload(spec: dict[str, Any], type_: str = DEPLOYMENT) -> Subject:
    return Subject(type=type_, name="x", properties={"spec": {"template": {"spec": spec}}})


def thing(type_: str, **properties: Any) -> Subject:
    return Subject(type=type_, name="x", properties=properties)


def settings(**values: Any) -> Subject:
    return thing(CONFIG_MAP, data={"settings.json": json.dumps(values)})


def hub(issuer: str = "https://issuer.example.org", everyone: bool = False, **more: Any) -> Subject:
    access = {"everyone": everyone, "users": [], "groups": ["cms"]}
    return settings(oidc={"issuer": issuer, "usernameClaim": "email"}, access=access, **more)


def volume(**source: Any) -> dict[str, Any]:
    return {"name": "site-data", **source}


def of_claim(name: str) -> dict[str, Any]:
    return volume(persistentVolumeClaim={"claimName": name})


def nodes(*volumes: dict[str, Any]) -> Subject:
    """Return the Deployment that runs users' jobs."""
    spec = pod(volumes=list(volumes))
    metadata = {"name": "condor-execute"}
    return Subject(
        type=DEPLOYMENT, name="x", properties={"metadata": metadata, "spec": {"template": {"spec": spec}}}
    )


GOOD: list[tuple[Rule, Subject]] = [
    (pods.insecure, workload(pod())),
    (pods.insecure, thing("kubernetes:core/v1:Pod", spec=pod())),
    (pods.insecure, thing(CONFIG_MAP, data={"privileged": "true"})),
    (pods.unbounded, workload(pod())),
    (pods.floating, workload(pod(container(image="r:5000/hub:abc")))),
    (pods.floating, workload(pod(container(image="r/hub@sha256:00")))),
    (pods.floating, settings(session={"image": "r/session:1", "profiles": [{"image": None}]})),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"ca.pem": "-----BEGIN CERTIFICATE-----"})),
    (secrecy.in_the_open, settings(tokenFile="hub-token", tokenUrl="https://x", tokenLifetime=60)),
    (secrecy.in_the_open, settings(credentials={"dataToken": "facility"})),
    (secrecy.in_the_open, thing("kubernetes:core/v1:Secret", stringData={"key": KEY})),
    (
        secrecy.in_the_open,
        workload(pod(container(env=[{"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {}}}]))),
    ),
    (
        secrecy.in_the_open,
        workload(pod(container(env=[{"name": "BEARER_TOKEN_FILE", "value": "/run/token"}]))),
    ),
    (rights.of_the_whole_cluster, thing("kubernetes:rbac.authorization.k8s.io/v1:Role", rules=[])),
    (
        rights.excessive,
        thing(
            "kubernetes:rbac.authorization.k8s.io/v1:Role",
            rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "update"]}],
        ),
    ),
    (login.everybody, hub()),
    (login.everybody, settings(namespace="of another program")),
    (tls.plain, hub(publicUrl="https://coffea.example.org")),
    (tls.plain, hub(publicUrl="http://localhost:8000")),
    (
        tls.plain,
        thing(
            "kubernetes:networking.k8s.io/v1:Ingress",
            spec={"tls": [{"hosts": ["a.example.org"]}], "rules": [{"host": "a.example.org"}]},
        ),
    ),
    (
        tls.plain,
        thing(
            "kubernetes:core/v1:Service",
            spec={"type": "LoadBalancer", "ports": [{"name": "https", "port": 443}]},
        ),
    ),
    (tls.plain, thing("kubernetes:core/v1:Service", spec={"ports": [{"name": "http", "port": 80}]})),
    (lifetimes.too_long, settings(tokenLifetime=86400, certificateLifetime=2592000)),
    (
        lifetimes.too_long,
        thing("tls:index/locallySignedCert:LocallySignedCert", validityPeriodHours=365 * 24),
    ),
    (
        lifetimes.too_long,
        thing("tls:index/selfSignedCert:SelfSignedCert", isCaCertificate=True, validityPeriodHours=87600),
    ),
    (protection.missing, Subject(type="kubernetes:core/v1:Namespace", name="namespace", protected=True)),
    (
        protection.missing,
        Subject(type="random:index/randomPassword:RandomPassword", name="identity-password-a"),
    ),
    (
        protection.missing,
        Subject(type="random:index/randomPassword:RandomPassword", name="hub-health-token"),
    ),
    (protection.missing, Subject(type="tls:index/privateKey:PrivateKey", name="credentials-signing-key-7")),
    (pods.private, hub(session={"volumes": [of_claim("data")]})),
    (pods.private, settings(volumes=[of_claim("cvmfs"), volume(emptyDir={})])),
    (pods.private, nodes(of_claim("data"))),
    # The hub itself.
    (pods.private, workload(pod(volumes=[of_claim("hub-db")]))),
    (pods.insecure, hub(session={"volumes": [of_claim("data")]})),
]

BAD: list[tuple[Rule, Subject, str]] = [
    (pods.insecure, workload(pod(context(privileged=True))), "is privileged"),
    (
        pods.insecure,
        workload(pod(context(allowPrivilegeEscalation=None))),
        "allowPrivilegeEscalation is not false",
    ),
    (pods.insecure, workload(pod(context(readOnlyRootFilesystem=False))), "can write to its root"),
    (pods.insecure, workload(pod(context(capabilities={"drop": ["NET_RAW"]}))), "does not drop ALL"),
    (
        pods.insecure,
        workload(pod(context(capabilities={"drop": ["ALL"], "add": ["SYS_PTRACE"]}))),
        "adds capabilities",
    ),
    (pods.insecure, workload(pod(context(runAsNonRoot=False))), "may run as root"),
    (pods.insecure, workload(pod(context(runAsUser=0))), "runs as user 0"),
    (pods.insecure, workload(pod(context(seccompProfile={"type": "Unconfined"}))), "no seccomp profile"),
    (pods.insecure, workload(pod(container(ports=[{"hostPort": 80}]))), "takes a port of the node"),
    (pods.insecure, workload(pod(hostNetwork=True)), "hostNetwork"),
    (pods.insecure, workload(pod(hostPID=True), "kubernetes:apps/v1:StatefulSet"), "hostPID"),
    (pods.insecure, workload(pod(volumes=[{"name": "n", "hostPath": {"path": "/"}}])), "hostPath"),
    (pods.insecure, workload(pod(initContainers=[context(privileged=True)])), "is privileged"),
    (pods.insecure, thing("kubernetes:core/v1:Pod", spec=pod(hostIPC=True)), "hostIPC"),
    (
        pods.insecure,
        thing(
            "kubernetes:batch/v1:CronJob",
            spec={"jobTemplate": {"spec": {"template": {"spec": pod(hostNetwork=True)}}}},
        ),
        "hostNetwork",
    ),
    (
        pods.unbounded,
        workload(pod(container(resources={"requests": {"cpu": 1, "memory": 1}}))),
        "limits.memory",
    ),
    (
        pods.unbounded,
        workload(pod(container(resources={"requests": {"memory": 1}, "limits": {"memory": 1}}))),
        "requests.cpu",
    ),
    *(
        (pods.floating, workload(pod(container(image=image))), "no fixed tag")
        for image in ("r/hub", "r:5000/hub", "r/hub:latest", "r/hub:", "")
    ),
    (pods.floating, settings(session={"profiles": [{"image": "r/session:latest"}]}), "no fixed tag"),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"tls.key": KEY}), "data.tls.key"),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"token": TOKEN}), "data.token"),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"users": "me:$2b$12$" + "a" * 53}), "data.users"),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"what": "[secret]"}), "data.what"),
    (secrecy.in_the_open, thing(CONFIG_MAP, data={"x": {secrecy.SIGNATURE: "1b47", "value": "y"}}), "data.x"),
    (secrecy.in_the_open, settings(oidc={"clientSecret": "hunter2"}), "oidc.clientSecret"),
    (
        secrecy.in_the_open,
        workload(pod(container(env=[{"name": "OIDC_CLIENT_SECRET", "value": "hunter2"}]))),
        "OIDC_CLIENT_SECRET",
    ),
    (secrecy.in_the_open, workload(pod(container(env=[{"name": "HOME", "value": TOKEN}]))), "HOME"),
    (secrecy.in_the_open, workload(pod(container(args=["--token", TOKEN]))), "its command"),
    (
        rights.of_the_whole_cluster,
        thing("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"),
        "whole cluster",
    ),
    (
        rights.of_the_whole_cluster,
        thing("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"),
        "whole cluster",
    ),
    *(
        (rights.excessive, thing("kubernetes:rbac.authorization.k8s.io/v1:Role", rules=[rule]), told)
        for rule, told in (
            ({"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}, "wildcard"),
            ({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}, "wildcard"),
            ({"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}, "more rights"),
            ({"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}, "more rights"),
            ({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}, "every secret"),
        )
    ),
    (login.everybody, hub(everyone=True), "everyone"),
    (login.everybody, hub(issuer="http://issuer.example.org"), "https"),
    (login.everybody, hub(issuer=""), "https"),
    (login.everybody, settings(oidc={"issuer": "https://x"}, access={}), "user's name"),
    (
        login.everybody,
        thing(CONFIG_MAP, data={"config.py": "c.JupyterHub.authenticator_class = 'dummy'"}),
        "authenticator_class",
    ),
    (login.everybody, thing(CONFIG_MAP, data={"config.py": "c.Authenticator.allow_all = True"}), "allow_all"),
    (
        login.everybody,
        thing(CONFIG_MAP, data={"config.yaml": "connectors: [{type: mockCallback}]"}),
        "mockCallback",
    ),
    (
        login.everybody,
        workload(
            pod(container(args=["--JupyterHub.authenticator_class=jupyterhub.auth.DummyAuthenticator"]))
        ),
        "DummyAuthenticator",
    ),
    (tls.plain, hub(publicUrl="http://coffea.example.org"), "not https"),
    (
        tls.plain,
        thing("kubernetes:networking.k8s.io/v1:Ingress", spec={"rules": [{"host": "a.example.org"}]}),
        "a.example.org has no TLS",
    ),
    (
        tls.plain,
        thing(
            "kubernetes:core/v1:Service",
            spec={"type": "LoadBalancer", "ports": [{"name": "http", "port": 80}]},
        ),
        "plain http",
    ),
    (
        tls.plain,
        thing(
            "kubernetes:gateway.networking.k8s.io/v1:Gateway",
            spec={"listeners": [{"name": "a", "protocol": "HTTP"}]},
        ),
        "listener a is http",
    ),
    (lifetimes.too_long, settings(tokenLifetime=86401), "tokenLifetime"),
    (lifetimes.too_long, settings(certificateLifetime=2592001), "certificateLifetime"),
    (
        lifetimes.too_long,
        thing("tls:index/locallySignedCert:LocallySignedCert", validityPeriodHours=10 * 365 * 24),
        "validityPeriodHours",
    ),
    (
        lifetimes.too_long,
        thing("kubernetes:core/v1:Secret", type="kubernetes.io/service-account-token"),
        "never ends",
    ),
    (
        lifetimes.too_long,
        workload(
            pod(
                volumes=[
                    {
                        "name": "t",
                        "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 10**7}}]},
                    }
                ]
            )
        ),
        "expirationSeconds",
    ),
    (pods.private, hub(session={"volumes": [of_claim("hub-db")]}), "the claim hub-db"),
    (pods.private, settings(volumes=[of_claim("home-ada")]), "the claim home-ada"),
    (pods.private, nodes(of_claim("queue-condor-schedd-0")), "the claim queue-condor-schedd-0"),
    (pods.private, nodes(of_claim("cache-xcache-0")), "the claim cache-xcache-0"),
    (pods.insecure, hub(session={"volumes": [volume(hostPath={"path": "/"})]}), "is of kind hostPath"),
    (pods.insecure, settings(volumes=[volume(nfs={"path": "/"})]), "is of kind nfs"),
    (protection.missing, Subject(type="kubernetes:core/v1:Namespace", name="namespace"), "not protected"),
    (protection.missing, Subject(type="tls:index/privateKey:PrivateKey", name="ca-key"), "not protected"),
    (
        protection.missing,
        Subject(
            type="kubernetes:core/v1:PersistentVolumeClaim",
            name="hub-db",
            properties={"metadata": {"name": "hub-db"}},
        ),
        "not protected",
    ),
    (
        protection.missing,
        Subject(type="random:index/randomPassword:RandomPassword", name="hub-cookie-secret"),
        "not protected",
    ),
]


@pytest.mark.parametrize(("rule", "subject"), GOOD)
def test_what_keeps_a_rule_is_let_be(rule: Rule, subject: Subject) -> None:
    assert rule(subject) == []


@pytest.mark.parametrize(("rule", "subject", "told"), BAD)
def test_what_breaks_a_rule_is_noticed(rule: Rule, subject: Subject, told: str) -> None:
    problems = rule(subject)
    assert len(problems) == 1 and told in problems[0]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_tried_both_ways(name: str) -> None:
    rule = RULES[name][1]
    assert any(tried is rule for tried, _ in GOOD) and any(tried is rule for tried, _, _ in BAD)


def test_no_rule_tells_a_secret() -> None:
    told = " ".join(breaches(subject for _, subject, _ in BAD))
    assert not [secret for secret in (KEY, TOKEN, "hunter2") if secret in told]


def test_a_violation_names_the_resource_and_the_rule() -> None:
    assert violations(
        thing("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", metadata={"name": "all"})
    ) == ["ClusterRole all: rights in the whole cluster (no-cluster-rights)"]


@pytest.mark.parametrize("unknown", ["04da6b54-80e4-46f7-96ec-b56ff0331ba9", None, []])
def test_what_only_an_update_knows_stops_no_rule(unknown: object) -> None:
    for type_ in (DEPLOYMENT, CONFIG_MAP, "kubernetes:core/v1:Service", "tls:index/x:PrivateKey"):
        assert isinstance(violations(thing(type_, metadata=unknown, spec=unknown, data=unknown)), list)
