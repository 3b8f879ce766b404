"""Wrong settings of the door for users' own computers: each is refused with what to write."""

from typing import Any

import pytest

from settings import SettingsError, load

Case = tuple[dict[str, Any], dict[str, Any], str, str, str]
NAMED = {"url": "https://af.example.org"}
NO_NAME = "which is no name of a host"

CASES: list[Case] = [
    ({"service": "Ingress"}, NAMED, "daskRouter.service", "is none of the choices", "write ClusterIP or"),
    ({"port": "8786"}, NAMED, "daskRouter.port", "is not a whole number", "write a whole number"),
    ({"port": 8786}, NAMED, "daskRouter.port", "is no node port", "write a number from 30000"),
    ({"port": 32768}, NAMED, "daskRouter.port", "is no node port", "write a number from 30000"),
    ({"service": "LoadBalancer", "port": 0}, NAMED, "daskRouter.port", "0 is no port", "from 1 to 65535"),
    ({"service": "ClusterIP", "port": 65536}, NAMED, "daskRouter.port", "is no port", "from 1 to 65535"),
    (
        {"port": 30443},
        {**NAMED, "nodePort": 30443},
        "daskRouter.port",
        "is public.nodePort",
        "another number",
    ),
    ({"nodePort": 30786}, NAMED, "daskRouter.nodePort", "is no setting", "service, port"),
    # What nginx's configuration and certificates are made of is a name, and nothing but one.
    ({}, {"url": "https://192.0.2.7"}, "daskRouter", NO_NAME, "leave daskRouter out"),
    ({}, {"url": "https://[2001:db8::7]"}, "daskRouter", NO_NAME, "leave daskRouter out"),
    ({}, {"url": "https://af_1.example.org"}, "daskRouter", NO_NAME, "write a host name in public.url"),
    ({}, {"url": "https://-af.example.org"}, "daskRouter", NO_NAME, "write a host name in public.url"),
    ({}, {"url": 'https://a";}evil{"'}, "daskRouter", NO_NAME, "write a host name in public.url"),
]


@pytest.mark.parametrize(("router", "public", "key", "wrong", "advice"), CASES)
def test_it_is_refused(
    router: dict[str, Any], public: dict[str, Any], key: str, wrong: str, advice: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load({"daskRouter": router, "public": public}, stack="opendata")
    (problem,) = refusal.value.problems
    assert problem.key == key
    assert wrong in problem.wrong
    assert advice in problem.advice


@pytest.mark.parametrize(
    ("router", "url"),
    [
        ({}, "https://localhost:30443"),
        ({"service": "LoadBalancer", "port": 8786}, "https://af.example.org"),
        ({"service": "ClusterIP", "port": 443}, "https://AF.example.org"),
    ],
)
def test_others_are_taken(router: dict[str, Any], url: str) -> None:
    settings = load({"daskRouter": router, "public": {"url": url}}, stack="opendata").dask_router
    assert settings
    assert settings.port == router.get("port", 30786)


def test_a_load_balancer_may_have_the_number_of_the_proxys_node_port() -> None:
    raw = {"daskRouter": {"service": "LoadBalancer", "port": 30443}, "public": {**NAMED, "nodePort": 30443}}
    assert load(raw, stack="opendata").dask_router


def test_without_the_section_the_world_has_no_door() -> None:
    assert load({}, stack="opendata").dask_router is None
