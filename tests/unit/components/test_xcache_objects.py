"""The Kubernetes objects of caches: with tokens, with a login of their own, and several at once."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from cryptography import x509

from components.base import Facility
from components.ca import CertificateAuthority, CertificateAuthorityArgs
from components.xcache import PATIENCE, READER, XCache, XCacheArgs, issuer_ports, node_names
from local.plugins.resource import Properties
from settings import Images, TokenIssuer
from settings import XCache as XCacheSettings
from tests.realmocks import run_for_objects

FACILITY = Facility(namespace="af", dns_domain="cluster.local", storage_class=None, images=Images())
ISSUER = "https://credentials.af.svc.cluster.local:8444"
CONFIGS = ("xcache-config", "xcache-redirector-config")
IAM = TokenIssuer(issuer="https://iam.example.org/")


def made(monitoring: str | None = None, **settings: Any) -> tuple[XCache, dict[str, Properties]]:
    """Return the component and what it made, by KIND/NAME."""
    components: list[XCache] = []

    def program() -> None:
        ca = CertificateAuthority(
            "ca",
            CertificateAuthorityArgs(
                facility=FACILITY,
                public_url="https://af.example.org",
                sign_public=False,
                servers=("xcache",),
                names={"xcache": node_names(FACILITY)},
            ),
        )
        given = XCacheSettings(**{"origin": "origin.example.org", "prefix": "/store", **settings})
        args = XCacheArgs(
            facility=FACILITY,
            settings=given,
            private_cidrs=("10.0.0.0/8",),
            monitoring=monitoring,
            issuer=ISSUER,
            certificate=ca.servers["xcache"],
        )
        components.append(XCache("cache", args, pulumi.ResourceOptions()))

    resources = run_for_objects(program)
    return components[0], resources


def containers(workload: Properties) -> dict[str, Any]:
    spec = workload["spec"]["template"]["spec"]
    return {c["name"]: c for c in (*spec.get("initContainers", ()), *spec["containers"])}


def volumes(workload: Properties) -> dict[str, Any]:
    return {volume["name"]: volume for volume in workload["spec"]["template"]["spec"]["volumes"]}


def environment(container: Any) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", ())}


def paths(container: Any) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def test_a_public_cache_has_no_certificate_and_nobodys_login() -> None:
    cache, resources = made()
    assert list(containers(resources["StatefulSet/xcache"])) == ["metrics", "xrootd"]
    assert environment(containers(resources["StatefulSet/xcache"])["xrootd"]) == PATIENCE
    assert not {"Secret/xcache-tls", "Deployment/xcache-redirector"} & resources.keys()
    assert list(resources["ConfigMap/xcache-config"]["data"]) == ["xcache.cfg"]
    assert cache.verifiers == ()
    assert cache.contribution.environment == {"XCACHE_HOST": "xcache.af.svc.cluster.local", **READER}


class TestWithTokens:
    def test_the_certificate_is_for_the_service_and_for_every_cache_behind_it(self) -> None:
        _, resources = made(mode="authorised", replicas=2)
        chain = resources["Secret/xcache-tls"]["stringData"]["tls.crt"]
        extension = x509.load_pem_x509_certificate(chain.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        names = extension.value.get_values_for_type(x509.DNSName)
        assert {"xcache", "xcache.af.svc.cluster.local", "*.xcache-nodes.af.svc.cluster.local"} <= set(names)

    def test_its_key_is_mounted_as_a_secret_and_copied_to_memory_only(self) -> None:
        _, resources = made(mode="authorised")
        cache = resources["StatefulSet/xcache"]
        assert volumes(cache)["tls"]["secret"]["secretName"] == "xcache-tls"
        assert volumes(cache)["own-tls"]["emptyDir"]["medium"] == "Memory"
        assert paths(containers(cache)["xrootd"])["own-tls"] == "/run/tls"

    def test_who_is_good_is_said_to_caches_and_redirector_alike(self) -> None:
        _, resources = made(mode="authorised", replicas=2, issuers=(IAM,))
        told = {resources[f"ConfigMap/{name}"]["data"]["tokens.cfg"] for name in CONFIGS}
        (text,) = told
        assert ISSUER in text
        assert IAM.issuer in text
        assert "audience = https://xcache.af.svc.cluster.local:1094\n" in text

    def test_an_audience_of_the_settings_is_what_tokens_must_be_for(self) -> None:
        name = "https://cache.example.org:1094"
        cache, resources = made(mode="authorised", audience=name)
        assert cache.audience == name
        assert f"audience = {name}\n" in resources["ConfigMap/xcache-config"]["data"]["tokens.cfg"]

    def test_issuers_keys_are_kept_on_the_volume(self) -> None:
        _, resources = made(mode="authorised")
        xrootd = containers(resources["StatefulSet/xcache"])["xrootd"]
        assert environment(xrootd)["XDG_CACHE_HOME"].startswith(paths(xrootd)["cache"] + "/")

    def test_its_probes_need_no_token(self) -> None:
        _, resources = made(mode="authorised")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            found = containers(resources["StatefulSet/xcache"])["xrootd"][probe]
            assert found["exec"]["command"] == ["/usr/local/bin/xcache-alive"]

    def test_sessions_are_told_why_a_login_was_refused(self) -> None:
        cache, _ = made(mode="authorised")
        assert cache.contribution.environment["XRD_LOGLEVEL"] == "Error"

    def test_readers_soon_try_a_cache_again_that_starts_and_for_ten_minutes_as_is_usual(self) -> None:
        told = made()[0].contribution.environment
        window, tries = int(told["XRD_CONNECTIONWINDOW"]), int(told["XRD_CONNECTIONRETRY"])
        assert window <= 15
        assert window * tries == 600

    def test_a_new_certificate_issuer_or_audience_rolls_the_pods(self) -> None:
        def sums(**settings: Any) -> Any:
            _, resources = made(mode="authorised", **settings)
            return resources["StatefulSet/xcache"]["spec"]["template"]["metadata"]["annotations"]

        first, other = sums(), sums(audience="https://cache.example.org:1094")
        assert first["checksum/config"] != other["checksum/config"]
        # Each run has a key of its own.
        assert first["checksum/tls"] != other["checksum/tls"]
        assert sums(issuers=(IAM,))["checksum/config"] != first["checksum/config"]

    def test_outside_issuers_are_asked_at_their_ports_and_inside_addresses_are_not(self) -> None:
        others = (IAM, TokenIssuer(issuer="https://other.example.org:8443/path"))
        assert issuer_ports(XCacheSettings(origin="a", prefix="/b", issuers=others)) == (443, 8443)
        cache, resources = made(mode="authorised", replicas=2, issuers=others)
        assert cache.verifiers == ("xcache", "xcache-redirector")
        for caller in cache.verifiers:
            (rule,) = resources[f"NetworkPolicy/{caller}-to-issuers"]["spec"]["egress"]
            assert [port["port"] for port in rule["ports"]] == [443, 8443]
            assert rule["to"][0]["ipBlock"]["except"] == ["10.0.0.0/8"]


class TestLoginAtTheOrigin:
    @pytest.mark.parametrize(
        ("upstream", "variables"),
        [
            ("token", {"BEARER_TOKEN_FILE"}),
            ("x509", {"X509_USER_PROXY", "X509_CERT_DIR"}),
        ],
    )
    def test_the_cache_has_its_login_from_the_keeper_and_never_the_secret_itself(
        self, upstream: str, variables: set[str]
    ) -> None:
        _, resources = made(upstream=upstream, upstream_secret="login")
        found = containers(resources["StatefulSet/xcache"])
        given = environment(found["xrootd"])
        assert variables | {"X509_CERT_FILE"} == given.keys() - PATIENCE.keys()
        kept = paths(found["xrootd"])["login"]
        assert all(given[name].startswith(f"{kept}/") for name in variables)
        assert "upstream" not in paths(found["xrootd"])
        assert volumes(resources["StatefulSet/xcache"])["login"]["emptyDir"]["medium"] == "Memory"
        assert volumes(resources["StatefulSet/xcache"])["upstream"]["secret"]["secretName"] == "login"

    def test_the_keeper_is_done_before_the_cache_starts_and_stays(self) -> None:
        _, resources = made(upstream="token", upstream_secret="login")
        first = resources["StatefulSet/xcache"]["spec"]["template"]["spec"]["initContainers"]
        (keeper,) = [container for container in first if container["name"] == "upstream"]
        assert keeper["restartPolicy"] == "Always"
        source, target = keeper["args"][1:]
        assert paths(keeper) == {"upstream": source, "login": target}
        assert keeper["startupProbe"]["exec"]["command"] == ["test", "-e", f"{target}/.kept"]


class TestSeveral:
    def test_readers_come_to_the_redirector_under_the_old_name(self) -> None:
        _, one = made()
        _, two = made(replicas=2)
        component = "app.kubernetes.io/component"
        assert one["Service/xcache"]["spec"]["selector"] == {component: "xcache"}
        assert two["Service/xcache"]["spec"]["selector"] == {component: "xcache-redirector"}

    def test_each_cache_has_a_volume_and_tells_the_redirector_what_is_on_it(self) -> None:
        _, resources = made(replicas=3)
        spec = resources["StatefulSet/xcache"]["spec"]
        assert spec["replicas"] == 3
        assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["cache"]
        found = containers(resources["StatefulSet/xcache"])
        assert list(found) == ["metrics", "xrootd", "cmsd"]
        assert paths(found["cmsd"]).items() >= {"cache": "/cache", "run": "/run/xrootd"}.items()
        assert paths(found["xrootd"]).items() >= {"cache": "/cache", "run": "/run/xrootd"}.items()

    def test_caches_have_names_before_they_are_ready(self) -> None:
        _, resources = made(replicas=2)
        assert resources["Service/xcache-nodes"]["spec"]["publishNotReadyAddresses"] is True

    def test_one_cache_at_a_time_may_be_evicted(self) -> None:
        _, resources = made(replicas=2)
        assert resources["PodDisruptionBudget/xcache"]["spec"]["maxUnavailable"] == 1
        assert "PodDisruptionBudget/xcache" not in made()[1]

    def test_there_is_one_redirector_which_keeps_nothing_and_never_a_second_beside_it(self) -> None:
        _, resources = made(replicas=2)
        spec = resources["Deployment/xcache-redirector"]["spec"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
        kinds = {kind for volume in spec["template"]["spec"]["volumes"] for kind in volume} - {"name"}
        assert kinds == {"configMap", "emptyDir"}

    def test_callers_may_reach_redirector_and_caches(self) -> None:
        cache, resources = made(replicas=2)
        assert [flow.target for flow in cache.contribution.flows] == ["xcache", "xcache-redirector"]
        (rule,) = resources["NetworkPolicy/xcache-to-xcache-redirector"]["spec"]["egress"]
        assert [port["port"] for port in rule["ports"]] == [1213]


@pytest.mark.parametrize(("namespace", "doors"), [(None, []), ("monitoring", ["monitoring"])])
def test_the_metrics_are_for_the_namespace_of_the_settings_and_for_nobody_else(
    namespace: str | None, doors: list[str]
) -> None:
    _, resources = made(monitoring=namespace)
    rules = resources["NetworkPolicy/xcache-in"]["spec"]["ingress"]
    to_metrics = [rule for rule in rules if {"protocol": "TCP", "port": 9931} in rule["ports"]]
    peers = [peer["namespaceSelector"]["matchLabels"] for rule in to_metrics for peer in rule["from"]]
    assert [labels["kubernetes.io/metadata.name"] for labels in peers] == doors


def test_pods_say_where_their_metrics_are_where_somebody_may_read_them() -> None:
    def said(monitoring: str | None) -> dict[str, str]:
        cache = made(monitoring=monitoring)[1]["StatefulSet/xcache"]
        annotations = cache["spec"]["template"]["metadata"]["annotations"]
        return {name: value for name, value in annotations.items() if name.startswith("prometheus.io/")}

    assert said("monitoring") == {"prometheus.io/scrape": "true", "prometheus.io/port": "9931"}
    assert said(None) == {}


def test_who_counts_reads_cannot_change_what_is_cached() -> None:
    metrics = containers(made()[1]["StatefulSet/xcache"])["metrics"]
    (cache,) = [mount for mount in metrics["volumeMounts"] if mount["name"] == "cache"]
    assert cache == {"name": "cache", "mountPath": "/cache", "readOnly": True}
