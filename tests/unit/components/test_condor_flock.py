"""An access point that brings jobs to a site's pool: what it is told, and what it does not have."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from components import condor_config as config
from components.base import Facility
from components.condor_bridge import CondorBridge, CondorBridgeArgs
from components.session import SessionContribution, SessionDoor, merge
from settings import Images, Network, Pool, SitePool
from tests.realmocks import run
from tests.unit.components.test_condor import containers, values

FACILITY = Facility(namespace="opendata", dns_domain="cluster.local", storage_class=None, images=Images())
SITE = SitePool(
    collector="cm.site.example.org",
    trust_domain="site.example.org",
    token_secret="site-token",
    cidrs=("198.51.100.0/24",),
    address="pool.facility.example.org",
    port=30618,
    service="NodePort",
    worker_ports=(20000, 20099),
    image="docker://registry.example.org/execute:1",
)
POOL = Pool(mode="flock", trust_domain="pool.example.org", uid_domain="users.example.org", site=SITE)
DOOR = SessionDoor(domain="dask.facility.example.org", port=443)


def test_the_sites_image_is_this_releases_own_unless_another_is_written() -> None:
    facility = replace(FACILITY, images=Images(registry="registry.example.org/af"))
    own = replace(SITE, image=None)
    assert config.site_image(facility, SITE) == SITE.image
    assert config.site_image(facility, own) == f"docker://{facility.image('execute')}"
    assert config.site_image(facility, replace(own, universe="vanilla")) == ""
    assert f'"docker://{facility.image("execute")}"' in config.schedd(facility, replace(POOL, site=own))


def test_jobs_go_to_the_site_and_find_their_way_back() -> None:
    schedd = values(config.schedd(FACILITY, POOL))
    assert schedd["FLOCK_TO"] == "cm.site.example.org:9618"
    assert schedd["TCP_FORWARDING_HOST"] == "pool.facility.example.org"
    assert schedd["SHARED_PORT_PORT"] == "30618"
    assert schedd["SEC_TOKEN_DIRECTORY"] == "/run/secrets/site/tokens.d"


def test_inside_nobody_goes_the_way_of_the_site() -> None:
    told = [values(text(FACILITY, POOL)) for text in (config.schedd, config.manager, config.client)]
    assert {one["PRIVATE_NETWORK_NAME"] for one in told} == {"opendata"}
    assert told[0]["COLLECTOR_HOST"].endswith(":9618")
    assert told[0]["PRIVATE_NETWORK_INTERFACE"] == "*"


def test_there_is_no_negotiator_where_there_are_no_nodes() -> None:
    assert "NEGOTIATOR" not in values(config.manager(FACILITY, POOL))["DAEMON_LIST"]
    own = Pool(mode="embedded", trust_domain="pool.example.org", uid_domain="users.example.org")
    assert "NEGOTIATOR" in values(config.manager(FACILITY, own))["DAEMON_LIST"]


def test_the_access_point_gives_the_site_no_right() -> None:
    rights = {n: v.split() for n, v in values(config.schedd(FACILITY, POOL)).items() if "ALLOW_" in n}
    assert {who for listed in rights.values() for who in listed} == {"condor@password", "*@users.example.org"}


@pytest.mark.parametrize(
    ("universe", "wanted", "gone"),
    [
        (
            "container",
            ["SET WantContainer True", 'SET DockerNetworkType "host"', "TARGET.HasContainer"],
            "HasDocker",
        ),
        (
            "docker",
            ['SET DockerImage "docker:', 'SET DockerNetworkType "host"', "TARGET.HasDocker"],
            "HasContainer",
        ),
        ("vanilla", ["DELETE WantDocker"], "TARGET.Has"),
    ],
)
def test_workers_run_in_what_the_site_has(universe: Any, wanted: list[str], gone: str) -> None:
    text = config.schedd(FACILITY, replace(POOL, site=replace(SITE, universe=universe)))
    (transform,) = [part for part in text.split("JOB_TRANSFORM_")[1:] if part.startswith("Container @=end")]
    for line in wanted:
        assert line in transform
    assert gone not in transform
    assert 'SET Cmd "/usr/local/bin/condor-job"' in transform
    assert 'SET DaskWorkerPorts "20000:20099"' in transform


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """What the bridge makes."""
    found: list[CondorBridge] = []

    def program() -> None:
        given = CondorBridgeArgs(
            facility=FACILITY, settings=POOL, network=Network(), contributions=(), door=DOOR
        )
        found.append(CondorBridge("condor", given))

    return run(program) | {"bridge": found[0]}


def test_there_are_no_nodes(resources: dict[str, Any]) -> None:
    assert not [name for name in resources if name.startswith("condor-execute")]


def test_the_sites_token_is_for_its_sidecar_and_the_access_points_daemons(resources: dict[str, Any]) -> None:
    seen = containers(resources["condor-schedd"])
    given = [n for n, one in seen.items() if "site-token" in [m["name"] for m in one["volumeMounts"]]]
    checked = [n for n, one in seen.items() if "site-tokens" in [m["name"] for m in one["volumeMounts"]]]
    assert (given, sorted(checked)) == (["site-token"], ["schedd", "site-token"])
    volumes = resources["condor-schedd"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "site-tokens", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}} in volumes


def test_users_hold_nothing_of_the_sites(resources: dict[str, Any]) -> None:
    contribution: SessionContribution = resources["bridge"].contribution
    assert "site-token" not in json.dumps([contribution.volumes, contribution.mounts, contribution.sidecars])
    assert {file.source for file in contribution.files} == {"condor-client"}


def test_the_key_is_the_facilitys_own(resources: dict[str, Any]) -> None:
    assert len(resources["condor-key"]["stringData"]["pool.key"]) == 64


def test_workers_come_to_their_scheduler_by_the_worlds_door(resources: dict[str, Any]) -> None:
    told = resources["bridge"].contribution.environment
    assert told["HOST_IP"] == "{user_server}.dask.facility.example.org"
    address = told["DASK_JOBQUEUE__COFFEA_CASA__SCHEDULER_OPTIONS__CONTACT_ADDRESS"]
    assert address == "tls://{user_server}.dask.facility.example.org:443"


def test_the_site_reaches_the_access_point_and_sessions_reach_workers(resources: dict[str, Any]) -> None:
    service = resources["condor-schedd-public"]["spec"]
    assert (service["type"], service["externalTrafficPolicy"]) == ("NodePort", "Local")
    assert service["ports"] == [{"name": "condor", "port": 30618, "targetPort": 30618, "nodePort": 30618}]
    (door,) = [
        rule
        for rule in resources["condor-schedd-in"]["spec"]["ingress"]
        if rule["from"] == [{"ipBlock": {"cidr": "198.51.100.0/24"}}]
    ]
    assert [port["port"] for port in door["ports"]] == [30618]
    (way,) = resources["session-to-site"]["spec"]["egress"]
    assert way["to"] == [{"ipBlock": {"cidr": "198.51.100.0/24"}}]
    assert [(port["port"], port["endPort"]) for port in way["ports"]] == [(20000, 20099)]


def test_two_ways_to_scale_out_stand_side_by_side(resources: dict[str, Any]) -> None:
    """A bridge to SLURM would have such a contribution; the hub asks none of them what it is."""
    slurm = SessionContribution(
        name="slurm",
        environment={"DASK_JOBQUEUE__SLURM__QUEUE": "short", "DASK_JOBQUEUE__SLURM__CORES": "4"},
    )
    pod = merge((resources["bridge"].contribution, slurm))
    assert pod.environment["DASK_JOBQUEUE__SLURM__QUEUE"] == "short"
    assert "HOST_IP" in pod.environment
