"""Wrong directories of the site's: each is refused with the key, what is wrong and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load
from settings.errors import Problem

GOOD = {"name": "data", "claim": "data", "mountPath": "/data"}
HIDING = "is among programs, homes or credentials"


def refused(*volumes: dict[str, Any]) -> list[Problem]:
    with pytest.raises(SettingsError) as caught:
        load({"session": {"volumes": list(volumes)}}, stack="bad")
    return [*caught.value.problems]


@pytest.mark.parametrize(
    ("change", "key", "wrong", "advice"),
    [
        ({"name": "Data"}, "name", "is no short name", "at most 40"),
        ({"name": "d" * 41}, "name", "is no short name", "at most 40"),
        ({"claim": "no claim"}, "claim", "is no name of a claim", "kubectl get pvc"),
        ({"claim": "hub-db"}, "claim", "of the facility's own", "a claim that you made"),
        ({"claim": "home-ada"}, "claim", "of the facility's own", "a claim that you made"),
        ({"claim": "queue-condor-schedd-0"}, "claim", "of the facility's own", "a claim that you made"),
        ({"claim": "cache-xcache-7"}, "claim", "of the facility's own", "a claim that you made"),
        ({"mountPath": "data"}, "mountPath", "is no place", "write /PATH"),
        ({"mountPath": "/"}, "mountPath", "is no place", "write /PATH"),
        ({"mountPath": "/data/"}, "mountPath", "is no place", "write /PATH"),
        ({"mountPath": "/data/../etc"}, "mountPath", "is no place", "write /PATH"),
        ({"mountPath": "/data:rw"}, "mountPath", "is no place", "write /PATH"),
        ({"mountPath": "/home"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/home/jovyan"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/home/jovyan/data"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/etc"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/etc/cmsaf-secrets"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/etc/condor/config.d"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/opt/dask"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/run/secrets/node"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/tmp"}, "mountPath", HIDING, "another place"),
        ({"mountPath": "/usr/local"}, "mountPath", HIDING, "another place"),
        ({"readOnly": "yes"}, "readOnly", "is not true or false", "write true or false"),
        ({"hostPath": "/data"}, "hostPath", "is no setting", "did you mean mountPath?"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_directory_is_refused_with_its_key_and_what_to_write(
    change: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    (problem,) = [p for p in refused(GOOD | change) if p.key == f"session.volumes[0].{key}"]
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize("place", ["/data", "/data/more"])
def test_two_in_one_place_are_refused(place: str) -> None:
    for pair in ((GOOD, {"name": "b", "claim": "b", "mountPath": place}),):
        for order in (pair, pair[::-1]):
            (problem,) = refused(*order)
            assert problem.key == "session.volumes[1].mountPath"
            assert "one inside of the other" in problem.wrong


def test_two_of_one_name_are_refused() -> None:
    (problem,) = refused(GOOD, GOOD | {"claim": "more", "mountPath": "/more"})
    assert (problem.key, problem.wrong) == ("session.volumes", "'data' is there 2 times")


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_name_claim_and_place_have_to_be_written(missing: str) -> None:
    problems = refused({key: value for key, value in GOOD.items() if key != missing})
    assert [p.key for p in problems] == [f"session.volumes[0].{missing}"]


def test_a_good_directory_is_read_only_unless_it_is_said() -> None:
    volumes = [GOOD, GOOD | {"name": "more", "claim": "more", "mountPath": "/data-more"}]
    for volume in load({"session": {"volumes": volumes}}, stack="good").session.volumes:
        assert (volume.read_only, volume.automounts) == (True, False)


def test_a_claim_that_a_pod_would_have_to_mount_twice_is_refused() -> None:
    (problem,) = refused(GOOD, {"name": "again", "claim": "data", "mountPath": "/again"})
    assert problem.key == "session.volumes[1].claim"
    assert "is the claim of data, too" in problem.wrong
    assert "write one directory" in problem.advice
