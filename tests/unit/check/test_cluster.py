"""What the cluster's API tells, in the words of its API."""

from __future__ import annotations

from typing import Any

import pytest

from check import cluster
from check.amount import amount
from settings import Settings
from tests.unit.check.conftest import settings


def version(minor: str) -> dict[str, Any]:
    return {"serverVersion": {"major": "1", "minor": minor, "gitVersion": f"v1.{minor}.0"}}


@pytest.mark.parametrize(
    ("minor", "verdict"), [("32", "ok"), ("34+", "ok"), ("31", "FAILED"), ("9", "FAILED")]
)
def test_an_old_cluster_fails(minor: str, verdict: str) -> None:
    assert cluster.version(version(minor)).verdict == verdict


def storage(name: str, default: bool = False) -> dict[str, Any]:
    mark = {"storageclass.kubernetes.io/is-default-class": str(default).lower()}
    return {"metadata": {"name": name, "annotations": mark}}


def test_a_storage_class_that_is_named_must_be_there() -> None:
    site = settings(kubernetes={"storageClass": "fast"})
    assert cluster.storage_class(site, [storage("slow"), storage("fast")]).verdict == "ok"
    found = cluster.storage_class(site, [storage("slow", True)])
    assert (found.verdict, found.text) == ("FAILED", "there is no fast; there are: slow")


def test_without_a_name_there_must_be_a_default() -> None:
    assert cluster.storage_class(settings(), [storage("a"), storage("b", True)]).verdict == "ok"
    assert cluster.storage_class(settings(), [storage("a"), {"metadata": {"name": "b"}}]).verdict == "FAILED"
    assert "there are: none" in cluster.storage_class(settings(), []).text


def node(cpu: str, memory: str, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"allocatable": {"cpu": cpu, "memory": memory}}}


LARGE = {"profiles": [{"name": "large", "title": "L", "cores": 8, "coresRequest": 4, "memory": "32Gi"}]}
LARGE["profiles"][0]["memoryRequest"] = "16Gi"


def test_each_pod_must_fit_one_node() -> None:
    assert cluster.capacity(settings(), [node("2", "4Gi")]).verdict == "ok"
    small = [node("16", "8Gi"), node("2", "64Gi")]
    found = cluster.capacity(settings(session=LARGE), small)
    assert found.verdict == "FAILED"
    assert "the profile large (4 cores, 16.0 GiB) fits none of 2 node(s)" in found.text
    assert cluster.capacity(settings(session=LARGE), [*small, node("3920m", "64Gi")]).verdict == "FAILED"
    assert cluster.capacity(settings(session=LARGE), [*small, node("4", "17179869184")]).verdict == "ok"


def test_a_node_that_takes_nothing_does_not_count() -> None:
    assert cluster.capacity(settings(), [node("64", "512Gi", unschedulable=True)]).verdict == "FAILED"


def test_a_worker_that_fits_nowhere_is_named() -> None:
    site = settings(daskGateway={"worker": {"memory": "8Gi"}})
    assert "a Dask worker" in cluster.capacity(site, [node("4", "4Gi")]).text


def quota(hard: dict[str, str], used: dict[str, str]) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "af"}, "status": {"hard": hard, "used": used}}]


@pytest.mark.parametrize(
    ("resource", "enough", "little"),
    [
        ("requests.cpu", "3", "2"),
        ("cpu", "2500m", "1"),
        ("limits.cpu", "4", "3"),
        ("requests.memory", "7Gi", "5Gi"),
        ("limits.memory", "8Gi", "7Gi"),
        ("pods", "23", "22"),
        ("persistentvolumeclaims", "21", "20"),
        ("requests.storage", "12Gi", "9Gi"),
    ],
)
def test_a_quota_must_leave_room_for_one_user(resource: str, enough: str, little: str) -> None:
    used = {"requests.cpu": "1", "requests.memory": "1Gi", "pods": "20", "persistentvolumeclaims": "20"}
    assert cluster.quota(settings(), quota({resource: enough}, used)).verdict == "ok"
    found = cluster.quota(settings(), quota({resource: little}, used))
    assert (found.verdict, f" of {resource}" in found.text) == ("FAILED", True)


def test_without_a_quota_there_is_none_to_check_and_others_are_not_ours() -> None:
    assert cluster.quota(settings(), []).verdict == "not applicable"
    assert cluster.quota(settings(), quota({"configmaps": "0"}, {})).verdict == "ok"


ALL = settings(
    public={"url": "https://af.example.org", "tls": "secret", "tlsSecret": "front"},
    xcache={"origin": "o.example.org", "prefix": "/a", "upstream": "x509", "upstreamSecret": "up"},
)
PAIR = ["tls.crt", "tls.key"]


def test_secrets_of_the_settings_must_be_there_with_their_keys() -> None:
    assert cluster.secrets(ALL, {"front": PAIR, "up": PAIR}).verdict == "ok"
    assert cluster.secrets(ALL, {"front": PAIR, "up": ["proxy"]}).verdict == "ok"
    assert "there is no up in site" in cluster.secrets(ALL, {"front": PAIR}).text
    found = cluster.secrets(ALL, {"front": ["tls.crt"], "up": PAIR})
    assert (found.verdict, found.text) == ("FAILED", "front lacks tls.key")


def test_before_there_is_a_namespace_there_are_no_secrets() -> None:
    assert cluster.secrets(ALL, None).verdict == "not applicable"
    assert cluster.secrets(settings(), {}).verdict == "not applicable"


def test_a_right_that_is_missing_is_named() -> None:
    assert cluster.rights({"namespaces": True}).verdict == "ok"
    found = cluster.rights({"namespaces": True, "customresourcedefinitions": False})
    assert (found.verdict, found.text) == ("FAILED", "you may not create customresourcedefinitions")


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", 0.25), ("2", 2), ("1.5", 1.5), ("1k", 1000), ("1Ki", 1024), ("16Gi", 2**34), ("1e3", 1000)],
)
def test_quantities_are_kubernetes(text: str, number: float) -> None:
    assert amount(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "1X", "Gi", "1 Gi", "1mi"])
def test_other_quantities_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        amount(text)


def behind(**ingress: Any) -> Settings:
    front = {"url": "https://af.example.org", "tls": "external", "service": "ClusterIP"}
    return settings(public=front | {"ingress": ingress})


def class_(name: str, *, default: bool = False) -> dict[str, Any]:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"metadata": {"name": name, "annotations": annotations}}


def test_the_ingress_class_must_be_there() -> None:
    assert cluster.ingress_class(settings(), []).verdict == "not applicable"
    assert cluster.ingress_class(behind(className="nginx"), [class_("nginx")]).verdict == "ok"
    found = cluster.ingress_class(behind(className="nginx"), [class_("traefik")])
    assert (found.verdict, found.text) == ("FAILED", "there is no nginx; there are: traefik")
    assert "public.ingress.className" in found.remedy


def test_without_a_class_there_must_be_a_default() -> None:
    assert cluster.ingress_class(behind(), [class_("nginx", default=True)]).verdict == "ok"
    found = cluster.ingress_class(behind(), [class_("nginx")])
    assert (found.verdict, found.text) == ("FAILED", "the cluster has no default; there are: nginx")


def test_an_ingress_has_its_certificate_from_the_operator_or_from_cert_manager() -> None:
    own = behind(tlsSecret="front")
    assert cluster.secrets(own, {"front": PAIR}).verdict == "ok"
    assert "there is no front" in cluster.secrets(own, {}).text
    asked = behind(tlsSecret="front", annotations={"cert-manager.io/issuer": "acme"})
    assert cluster.secrets(asked, {}).verdict == "not applicable"


def shared(*modes: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": "data"}, "spec": {"accessModes": list(modes)}}]


def place(**more: Any) -> Settings:
    return settings(session={"volumes": [{"name": "d", "claim": "data", "mountPath": "/data"} | more]})


def test_claims_of_the_sites_directories_must_be_there_for_many() -> None:
    assert cluster.volumes(settings(), []).verdict == "not applicable"
    assert cluster.volumes(place(), shared("ReadOnlyMany")).verdict == "ok"
    assert cluster.volumes(place(readOnly=False), shared("ReadWriteMany")).verdict == "ok"
    assert "no claim data in site" in cluster.volumes(place(), []).text
    assert "for one node's pods only" in cluster.volumes(place(), shared("ReadWriteOnce")).text
    assert "nobody could write" in cluster.volumes(place(readOnly=False), shared("ReadOnlyMany")).text


def test_before_there_is_a_namespace_there_are_no_claims() -> None:
    found = cluster.volumes(place(), None)
    assert found.verdict == "not applicable"
    assert "make data" in found.text
