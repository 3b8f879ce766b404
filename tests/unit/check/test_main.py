"""The whole report: a line each, an exit status, and a cluster that may be away."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from check.__main__ import main
from check.finding import failed

NODE = {"spec": {}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}
CLASS = {"metadata": {"name": "std", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}
GOOD = {
    "version": json.dumps({"serverVersion": {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}}),
    "auth can-i create namespaces": "yes",
    "auth can-i create customresourcedefinitions": "yes",
    "get storageclasses": json.dumps({"items": [CLASS]}),
    "get nodes": json.dumps({"items": [NODE]}),
    "get resourcequotas": json.dumps({"items": []}),
    "get namespace": "namespace/site\n",
    "get secrets": "front tls.crt tls.key\n",
    "get ingressclasses": json.dumps({"items": [{"metadata": {"name": "nginx"}}]}),
    "get persistentvolumeclaims": json.dumps({"items": []}),
}
PROGRAM = """#!{python}
import json, sys
words = [word for word in sys.argv[1:] if not word.startswith("--")]
for start, answer in json.loads({answers!r}).items():
    if " ".join(words).startswith(start):
        print(answer)
        sys.exit()
sys.exit("Error from server (Forbidden): " + " ".join(sys.argv[1:]))
"""

BEHIND = {"url": "https://localhost", "tls": "external", "service": "ClusterIP"}
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Check a stack file with a program that answers like kubectl; return status and lines."""

    def check(config: dict[str, Any], answers: dict[str, str] = GOOD) -> tuple[int, list[str]]:
        program = tmp_path / "kubectl"
        program.write_text(PROGRAM.format(python=sys.executable, answers=json.dumps(answers)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        keys = {f"coffea-casa:{key}": value for key, value in config.items()}
        (tmp_path / "Pulumi.site.yaml").write_text(yaml.safe_dump({"config": keys}))
        status = main(["site", "--directory", str(tmp_path), "--kubectl", str(program)])
        return status, capsys.readouterr().out.splitlines()

    return check


def verdicts(lines: list[str]) -> dict[str, str]:
    """Return name to verdict."""
    return {line[:16].strip(): line[17:32].strip() for line in lines}


def test_a_site_in_order_passes_with_a_line_for_each_check(run: Run) -> None:
    status, lines = run({})
    assert status == 0, lines
    assert verdicts(lines) == {
        "settings": "ok",
        "cluster": "ok",
        "rights": "ok",
        "storage class": "ok",
        "node sizes": "ok",
        "quota": "not applicable",
        "ingress class": "not applicable",
        "volumes": "not applicable",
        "Secrets": "not applicable",
        "public host": "ok",
        "DNS wildcard": "not applicable",
        "OIDC issuer": "not applicable",
        "token issuers": "not applicable",
        "XCache origin": "not applicable",
        "HTCondor pool": "not applicable",
        "images": "not applicable",
    }


def test_each_wrong_setting_is_a_line_and_nothing_else_is_looked_at(run: Run) -> None:
    status, lines = run({"hub": {"idleTimeout": 1}, "public": {"url": "https://changeme.example.org"}})
    assert status == 1
    assert len(lines) == 2
    assert all(line.startswith("settings         FAILED") for line in lines)
    assert any(
        "public.url: 'https://changeme.example.org' is a placeholder; to do: write" in line for line in lines
    )


def test_a_cluster_that_is_away_fails_once_and_the_rest_is_looked_at(run: Run) -> None:
    status, lines = run({}, {})
    found = verdicts(lines)
    assert status == 1
    assert [name for name, verdict in found.items() if verdict == "FAILED"] == ["cluster"]
    assert found["storage class"] == "not applicable"
    assert found["public host"] == "ok"


def test_a_kubectl_that_is_not_there_fails_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.site.yaml").write_text("config: {}")
    assert main(["site", "--directory", str(tmp_path), "--kubectl", str(tmp_path / "none")]) == 1
    assert "cluster          FAILED" in capsys.readouterr().out


def test_what_an_operator_of_one_namespace_may_not_see_is_no_failure(run: Run) -> None:
    status, lines = run({}, {key: value for key, value in GOOD.items() if key != "get nodes"})
    assert status == 0
    (line,) = [line for line in lines if line.startswith("node sizes")]
    assert "not applicable" in line
    assert "Forbidden" in line


def test_a_right_that_kubectl_denies_fails(run: Run) -> None:
    status, lines = run({}, GOOD | {"auth can-i create namespaces": "no"})
    assert status == 1
    assert verdicts(lines)["rights"] == "FAILED"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"kubernetes": {"storageClass": "fast"}}, "storage class"),
        ({"daskGateway": {"worker": {"memory": "32Gi"}}}, "node sizes"),
        ({"public": {"tls": "secret", "tlsSecret": "other"}}, "Secrets"),
        ({"public": {"url": "https://af.invalid"}}, "public host"),
        ({"public": BEHIND | {"ingress": {"className": "traefik"}}}, "ingress class"),
        ({"session": {"volumes": [{"name": "d", "claim": "d", "mountPath": "/d"}]}}, "volumes"),
        ({"xcache": {"origin": "data.invalid", "prefix": "/a"}}, "XCache origin"),
    ],
)
def test_one_thing_that_is_wrong_is_one_line_that_fails(run: Run, config: dict[str, Any], name: str) -> None:
    status, lines = run(config)
    assert status == 1
    assert [found for found, verdict in verdicts(lines).items() if verdict == "FAILED"] == [name]
    assert all("; to do: " in line for line in lines if "FAILED" in line)


POOL = {"mode": "flock", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}
SITE = {
    "trustDomain": "site.example.org",
    "tokenSecret": "front",
    "cidrs": ["127.0.0.0/8", "::1/128"],
    "address": "pool.facility.example.org",
    "universe": "vanilla",
}


@pytest.mark.parametrize(
    ("site", "name"),
    [({"tokenSecret": "other"}, "Secrets"), ({"collector": "cm.invalid"}, "HTCondor pool")],
)
def test_a_sites_pool_without_its_token_or_its_collector_is_one_line_that_fails(
    run: Run, collector: str, site: dict[str, Any], name: str
) -> None:
    router = {"service": "LoadBalancer", "port": 8786}
    pool = POOL | {"site": SITE | {"collector": collector} | site}
    answers = GOOD | {"get secrets": "front token\n"}
    status, lines = run({"daskRouter": router, "pool": pool}, answers)
    assert status == 1
    assert [found for found, verdict in verdicts(lines).items() if verdict == "FAILED"] == [name]


def test_a_stack_without_a_file_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere", "--directory", str(tmp_path)]) == 2
    assert "there is no Pulumi.nowhere.yaml" in capsys.readouterr().err


def test_a_finding_is_one_line_whatever_was_said() -> None:
    assert "\n" not in str(failed("x", "a\nb", "c\nd"))
