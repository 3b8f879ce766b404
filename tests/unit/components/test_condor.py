"""The text that HTCondor and Dask are started with, and who gets the pool's key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from components import condor_config as config
from components.base import Facility
from components.condor_bridge import CondorBridge, CondorBridgeArgs
from components.session import SessionContribution
from components.site_volumes import site_volumes
from settings import CondorWorker, ExecuteNodes, Images, Network, Pool, Volume
from tests.realmocks import run

FACILITY = Facility(namespace="opendata", dns_domain="cluster.local", storage_class=None, images=Images())
POOL = Pool(mode="embedded", trust_domain="pool.example.org", uid_domain="users.example.org")
CACHE = SessionContribution(name="xcache", environment={"XCACHE_HOST": "xcache.opendata.svc"})
PLACES = site_volumes(
    [
        Volume(name="cvmfs", claim="cvmfs", mount_path="/cvmfs", automounts=True),
        Volume(name="data", claim="data", mount_path="/data", read_only=False),
    ]
)
ROLES = {
    "manager": config.manager(FACILITY, POOL),
    "schedd": config.schedd(FACILITY, POOL),
    "execute": config.execute(FACILITY, POOL, ["XCACHE_HOST"]),
}


def values(text: str) -> dict[str, str]:
    """Return the last value of each name, as HTCondor takes it."""
    lines = [line.strip() for line in text.splitlines() if " =" in line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_in_clear_or_without_a_token(role: str) -> None:
    found = values(ROLES[role])
    for what in ("AUTHENTICATION", "ENCRYPTION", "INTEGRITY"):
        assert found[f"SEC_DEFAULT_{what}"] == found[f"SEC_CLIENT_{what}"] == "REQUIRED"
    assert {found[f"SEC_{side}_AUTHENTICATION_METHODS"] for side in ("DEFAULT", "CLIENT")} == {"IDTOKENS"}


@pytest.mark.parametrize("role", ROLES)
def test_no_right_is_everybodys(role: str) -> None:
    rights = {name: value.split() for name, value in values(ROLES[role]).items() if "ALLOW_" in name}
    assert rights
    for name, who in rights.items():
        # A star alone, or before an @ with anything but the users' domain.
        assert not [one for one in who if "*" in one and one != "*@users.example.org"], name
    for name in ("ALLOW_ADMINISTRATOR", "ALLOW_NEGOTIATOR", "ALLOW_DAEMON"):
        assert rights[name] == ["condor@password"]


def test_users_may_look_at_the_pool_and_use_the_queue() -> None:
    users = "*@users.example.org"
    granted = {
        (role, name)
        for role, text in ROLES.items()
        for name, value in values(text).items()
        if "ALLOW_" in name and users in value.split()
    }
    assert granted == {
        ("manager", "COLLECTOR.ALLOW_READ"),
        ("schedd", "SCHEDD.ALLOW_READ"),
        ("schedd", "SCHEDD.ALLOW_WRITE"),
    }


def test_a_node_may_say_that_it_is_there_and_no_more() -> None:
    granted = {
        name
        for text in ROLES.values()
        for name, value in values(text).items()
        if "ALLOW_" in name and "execute@pool.example.org" in value.split()
    }
    assert granted == {
        "COLLECTOR.ALLOW_READ",
        "COLLECTOR.ALLOW_ADVERTISE_MASTER",
        "COLLECTOR.ALLOW_ADVERTISE_STARTD",
    }


def test_no_users_name_has_a_right_of_its_own() -> None:
    for text in ROLES.values():
        found = values(text)
        assert found["QUEUE_SUPER_USERS"] == "condor@password"
        assert found["QUEUE_SUPER_USER_MAY_IMPERSONATE"] == ""
    schedd = values(ROLES["schedd"])
    assert schedd["SCHEDD.DENY_READ"] == schedd["SCHEDD.DENY_WRITE"] == "root@*"


def test_jobs_stay_in_their_own_part_of_the_spool() -> None:
    schedd = values(ROLES["schedd"])
    assert schedd["LIMIT_DIRECTORY_ACCESS"] == "/var/empty"
    fixed = set(schedd["IMMUTABLE_JOB_ATTRS"].split())
    assert fixed >= {"Iwd", "TransferInput", "TransferOutputRemaps", "Out", "Err", "UserLog"}
    assert "Spooled" in schedd["SUBMIT_REQUIREMENT_NAMES"].split()
    names = {n.removeprefix("SUBMIT_REQUIREMENT_") for n in schedd if n.startswith("SUBMIT_REQUIREMENT_")}
    required = {name for name in names - {"NAMES"} if not name.endswith("_REASON")}
    assert required == set(schedd["SUBMIT_REQUIREMENT_NAMES"].split())


def test_a_transform_that_is_named_is_there() -> None:
    named = set(values(ROLES["schedd"])["JOB_TRANSFORM_NAMES"].split())
    there = {
        line.split()[0].removeprefix("JOB_TRANSFORM_")
        for line in ROLES["schedd"].splitlines()
        if line.startswith("JOB_TRANSFORM_") and line.endswith("@=end")
    }
    assert named == there


def test_a_node_works_for_one_user_at_a_time() -> None:
    assert "ChildRemoteUser" in values(ROLES["execute"])["START"]


def test_a_node_offers_what_the_settings_say() -> None:
    nodes = ExecuteNodes(cores=3, memory="6Gi", drain_seconds=90)
    found = values(config.execute(FACILITY, replace(POOL, nodes=nodes), []))
    assert (found["NUM_CPUS"], found["MEMORY"], found["MachineMaxVacateTime"]) == ("3", "6144", "90")


def test_jobs_get_the_caches_address_and_no_other_variable_of_the_pod() -> None:
    inherited = values(ROLES["execute"])["JOB_INHERITS_STARTER_ENVIRONMENT"].split()
    assert inherited == ["PATH", "LANG", "DASK_WORKER_PORTS", "XCACHE_HOST"]


def test_the_tools_find_their_pool_and_a_token_that_nobody_else_may_read() -> None:
    found = values(config.client(FACILITY, POOL))
    assert found["COLLECTOR_HOST"] == "condor-manager.opendata.svc.cluster.local:9618"
    assert found["SCHEDD_HOST"] == values(ROLES["schedd"])["SCHEDD_NAME"] == "schedd@opendata"
    assert (found["TRUST_DOMAIN"], found["UID_DOMAIN"]) == ("pool.example.org", "users.example.org")
    assert found["SEC_TOKEN_DIRECTORY"] == "/etc/cmsaf-secrets/tokens.d"


def test_dask_is_told_certificates_sizes_and_the_spool() -> None:
    worker = CondorWorker(cores=2, memory="3584Mi", disk="8Gi")
    told = yaml.safe_load(config.dask(FACILITY, replace(POOL, worker=worker)))
    assert told["distributed"]["comm"]["tls"]["client"]["cert"] == "/etc/cmsaf-secrets/hostcert.pem"
    jobs = told["jobqueue"]["coffea-casa"]
    assert (jobs["cores"], jobs["memory"], jobs["disk"]) == (2, "3584MiB", "8GiB")
    assert jobs["submit-command-extra"] == ["-spool"]


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """What the bridge makes."""
    found: list[CondorBridge] = []

    def program() -> None:
        given = CondorBridgeArgs(
            facility=FACILITY, settings=POOL, network=Network(), contributions=(CACHE, PLACES)
        )
        found.append(CondorBridge("condor", given))

    return run(program) | {"bridge": found[0]}


def containers(workload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    spec = workload["spec"]["template"]["spec"]
    return {one["name"]: one for one in [*spec.get("initContainers", []), *spec["containers"]]}


def sees_the_key(container: dict[str, Any]) -> bool:
    return "key" in [mount["name"] for mount in container["volumeMounts"]]


def test_the_container_that_runs_jobs_does_not_see_the_key(resources: dict[str, Any]) -> None:
    execute = containers(resources["condor-execute"])
    assert not sees_the_key(execute["execute"])
    assert sees_the_key(execute["token"])
    assert execute["token"]["restartPolicy"] == "Always"


def test_jobs_see_the_sites_directories_and_the_container_with_the_key_does_not(
    resources: dict[str, Any],
) -> None:
    execute = containers(resources["condor-execute"])
    mounts = {mount["name"]: mount for mount in execute["execute"]["volumeMounts"]}
    place = {"name": "site-cvmfs", "mountPath": "/cvmfs", "readOnly": True}
    assert mounts["site-cvmfs"] == place | {"mountPropagation": "HostToContainer"}
    assert mounts["site-data"] == {"name": "site-data", "mountPath": "/data"}
    volumes = {one["name"]: one for one in resources["condor-execute"]["spec"]["template"]["spec"]["volumes"]}
    assert volumes["site-cvmfs"]["persistentVolumeClaim"] == {"claimName": "cvmfs", "readOnly": True}
    assert volumes["site-data"]["persistentVolumeClaim"] == {"claimName": "data"}
    assert not [mount for mount in execute["token"]["volumeMounts"] if mount["name"].startswith("site-")]


def test_the_daemons_that_check_tokens_see_the_key(resources: dict[str, Any]) -> None:
    assert sees_the_key(containers(resources["condor-manager"])["manager"])
    assert sees_the_key(containers(resources["condor-schedd"])["schedd"])


def test_the_key_is_in_one_secret_and_no_config_map(resources: dict[str, Any]) -> None:
    key = resources["condor-key"]["stringData"]["pool.key"]
    assert len(key) == 64
    objects = {n: r for n, r in resources.items() if isinstance(r, dict) and "metadata" in r}
    assert [name for name, one in objects.items() if key in json.dumps(one)] == ["condor-key"]


def test_a_session_is_told_its_own_name_for_workers(resources: dict[str, Any]) -> None:
    contribution = resources["bridge"].contribution
    assert contribution.environment == {"HOST_IP": "{user_server}.sessions.opendata.svc.cluster.local"}
    assert {file.path for file in contribution.files} == {
        "/etc/condor/config.d/pool.conf",
        "/opt/dask/pool.yaml",
    }
    assert set(contribution.callers) == {"condor-execute", "condor-schedd"}
