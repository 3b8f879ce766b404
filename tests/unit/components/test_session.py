"""Contributions to sessions: how they merge, and that two components never overwrite each other."""

import pytest

from components.network import Flow, ports
from components.session import (
    SessionClaim,
    SessionCollisionError,
    SessionContribution,
    SessionFile,
    merge,
)
from components.site_volumes import site_volumes
from settings import Volume


def ca_file(path: str = "/etc/cmsaf-secrets/ca.pem") -> SessionFile:
    return SessionFile(path=path, kind="configMap", source="facility-ca", key="ca.pem")


def test_files_of_one_directory_share_one_projected_volume() -> None:
    token = SessionFile(path="/etc/cmsaf-secrets/access_token", kind="secret", source="tokens", key="data")
    pod = merge(
        [
            SessionContribution(name="ca", files=(ca_file(),)),
            SessionContribution(name="xcache", files=(token,)),
        ]
    )
    assert pod.volumes == [
        {
            "name": "files-etc-cmsaf-secrets",
            "projected": {
                "sources": [
                    {"configMap": {"name": "facility-ca", "items": [{"key": "ca.pem", "path": "ca.pem"}]}},
                    {"secret": {"name": "tokens", "items": [{"key": "data", "path": "access_token"}]}},
                ]
            },
        }
    ]
    assert pod.mounts == [
        {"name": "files-etc-cmsaf-secrets", "mountPath": "/etc/cmsaf-secrets", "readOnly": True}
    ]


def test_environment_and_flows_of_all_contributions_are_kept() -> None:
    pod = merge(
        [
            SessionContribution(name="a", environment={"A": "1"}, flows=(Flow("cache", ports(1094)),)),
            SessionContribution(name="b", environment={"B": "2"}, flows=(Flow("pool", ports(9618)),)),
        ]
    )
    assert pod.environment == {"A": "1", "B": "2"}
    assert [flow.target for flow in pod.flows] == ["cache", "pool"]


def test_two_components_setting_one_variable_are_refused_by_name() -> None:
    with pytest.raises(SessionCollisionError, match="A is set in sessions by both one and two"):
        merge([SessionContribution(name=name, environment={"A": name}) for name in ("one", "two")])


def test_two_components_setting_one_file_are_refused_by_name() -> None:
    with pytest.raises(SessionCollisionError, match="/etc/cmsaf-secrets/ca.pem is set in sessions by both"):
        merge([SessionContribution(name=name, files=(ca_file(),)) for name in ("one", "two")])


def test_no_contribution_gives_an_empty_session() -> None:
    pod = merge([])
    assert (pod.environment, pod.volumes, pod.mounts, pod.flows) == ({}, [], [], ())


def test_parts_of_the_pod_are_kept_and_two_of_one_name_or_place_are_refused() -> None:
    def keeper(name: str, path: str = "/a") -> SessionContribution:
        return SessionContribution(
            name=name,
            volumes=({"name": f"{name}-volume"},),
            mounts=({"name": f"{name}-volume", "mountPath": path},),
            sidecars=({"name": f"{name}-sidecar"},),
        )

    pod = merge([keeper("one"), keeper("two", "/b")])
    assert [volume["name"] for volume in pod.volumes] == ["one-volume", "two-volume"]
    assert [mount["mountPath"] for mount in pod.mounts] == ["/a", "/b"]
    assert [sidecar["name"] for sidecar in pod.sidecars] == ["one-sidecar", "two-sidecar"]
    with pytest.raises(SessionCollisionError, match="/a is set in sessions by both one and two"):
        merge([keeper("one"), keeper("two")])
    with pytest.raises(SessionCollisionError, match="volume one-volume is set in sessions by both"):
        merge([keeper("one"), keeper("one", "/b")])


def test_a_mount_over_a_directory_of_files_is_refused() -> None:
    over = SessionContribution(name="two", mounts=({"name": "x", "mountPath": "/etc/cmsaf-secrets"},))
    with pytest.raises(SessionCollisionError, match="/etc/cmsaf-secrets is set in sessions by two"):
        merge([SessionContribution(name="one", files=(ca_file(),)), over])


def test_a_directory_of_the_sites_is_a_claim_that_nobody_writes_to_unless_it_is_said() -> None:
    pod = merge(
        [
            site_volumes(
                [
                    Volume(name="cvmfs", claim="cvmfs-all", mount_path="/cvmfs", automounts=True),
                    Volume(name="data", claim="data", mount_path="/data", read_only=False),
                ]
            )
        ]
    )
    assert pod.volumes == [
        {"name": "site-cvmfs", "persistentVolumeClaim": {"claimName": "cvmfs-all", "readOnly": True}},
        {"name": "site-data", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    assert pod.mounts == [
        {
            "name": "site-cvmfs",
            "mountPath": "/cvmfs",
            "readOnly": True,
            "mountPropagation": "HostToContainer",
        },
        {"name": "site-data", "mountPath": "/data"},
    ]


@pytest.mark.parametrize(("name", "path"), [("site-data", "/other"), ("other", "/data")])
def test_two_components_wanting_one_volume_or_one_place_are_refused(name: str, path: str) -> None:
    mine = SessionClaim(name=name, claim="x", path=path, read_only=True, automounts=False)
    data = Volume(name="data", claim="data", mount_path="/data")
    with pytest.raises(SessionCollisionError, match=r"by both session\.volumes and other"):
        merge([site_volumes([data]), SessionContribution(name="other", claims=(mine,))])
