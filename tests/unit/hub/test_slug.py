"""One label for every user name, the same for pod, home, hostname and label."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from kubespawner import KubeSpawner

from services.hub.settings import HubSettings
from services.hub.slug import slug

NAMES = [
    "ada",
    "Oksana.Shadura@cern.ch".lower(),
    "oksana.shadura@cern.ch",
    "a" * 80,
    "a" * 47,
    "a" * 48,
    "marie.skłodowska@example.org",
    "李明@example.org",
    "-leading-and-trailing-",
    "with--two-hyphens",
    "42",
    "x" * 79 + "y",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_slug_is_a_dns_label_for_any_name(name: str) -> None:
    # RFC 1123, section 2.1, with room for the longest prefix, "jupyter-".
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", slug(name))
    assert len("jupyter-" + slug(name)) <= 63


def test_names_that_look_alike_when_simplified_get_slugs_of_their_own() -> None:
    alike = [
        "ada.lovelace@example.org",
        "ada-lovelace@example.org",
        "ada_lovelace@example-org",
        "a" * 80,
        "a" * 81,
    ]
    assert len({slug(name) for name in alike}) == len(alike)


def test_the_slug_of_a_plain_name_is_the_name() -> None:
    assert slug("ada") == "ada"


@pytest.mark.parametrize("name", NAMES)
async def test_pod_home_hostname_and_label_carry_the_slug(
    name: str, settings: HubSettings, spawner: Callable[..., KubeSpawner]
) -> None:
    made = spawner(settings, name)
    pod: Any = (await made.get_pod_manifest()).to_dict()
    assert pod["metadata"]["name"] == made.pod_name == f"jupyter-{slug(name)}"
    assert made.pvc_name == f"home-{slug(name)}"
    assert pod["spec"]["hostname"] == slug(name)
    assert pod["metadata"]["labels"]["coffea-casa/user"] == slug(name)
    assert pod["metadata"]["annotations"]["hub.jupyter.org/username"] == name
