# pyright: basic
from __future__ import annotations

import math
from typing import Any

import pytest
from dask_gateway_server.models import User

from services.gateway.options import cluster_options
from services.gateway.settings import GatewaySettings


def chosen(settings: GatewaySettings, **request: Any) -> dict[str, Any]:
    options = cluster_options(settings)
    return options.get_configuration(options.parse_options(request), User("ada"))


def test_the_default_is_the_facilitys_worker(settings: GatewaySettings) -> None:
    assert chosen(settings) == {
        "worker_cores": 0.5,
        "worker_cores_limit": 2.0,
        "worker_threads": 2,
        "worker_memory": 2**31,
        "worker_memory_limit": 2**31,
        "environment": {"X509_CERT_DIR": "/etc/grid", "LANG": "C"},
    }


def test_a_smaller_worker_requests_no_more_than_it_may_use(settings: GatewaySettings) -> None:
    config = chosen(settings, worker_cores=0.2, worker_memory=1)
    assert (config["worker_cores"], config["worker_cores_limit"]) == (0.2, 0.2)
    assert config["worker_threads"] == 1
    assert config["worker_memory_limit"] == 2**30


def test_a_users_variables_come_over_the_facilitys(settings: GatewaySettings) -> None:
    environment = chosen(settings, environment={"LANG": "C.UTF-8", "MY_1": ""})["environment"]
    assert environment == {"X509_CERT_DIR": "/etc/grid", "LANG": "C.UTF-8", "MY_1": ""}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"worker_cores": 4}, r"worker_cores may be 0.1 to 2 in this facility, got 4"),
        ({"worker_cores": 0}, r"worker_cores may be 0.1 to 2"),
        ({"worker_cores": math.nan}, r"worker_cores may be 0.1 to 2"),
        ({"worker_cores": math.inf}, r"worker_cores may be 0.1 to 2"),
        ({"worker_cores": "2"}, r"worker_cores must be a number, got '2'"),
        ({"worker_cores": True}, r"worker_cores must be a number"),
        ({"worker_memory": 2.01}, r"worker_memory may be 0.25 to 2 in this facility, got 2.01"),
        ({"image": "other"}, r"Unknown fields \['image'\]"),
        ({"environment": "A=1"}, r"environment must map names to strings"),
        ({"environment": {"A": 1}}, r"environment must map names to strings"),
        ({"environment": {"A B": "1"}}, r"environment has 'A B', which is no name"),
        ({"environment": {"A": "x" * 40000}}, r"environment is longer than 32768 characters"),
    ],
)
def test_what_is_refused_and_how(settings: GatewaySettings, request_: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        chosen(settings, **request_)
