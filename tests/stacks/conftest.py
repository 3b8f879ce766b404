"""Every test here runs once for each stack."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from unittest import mock

import pytest

from images import table
from tests import harness
from tools.recording import Recorded
from tools.stackfiles import configuration


@pytest.fixture(autouse=True, scope="session")
def images_that_stay_the_same() -> Iterator[None]:
    """Read each image's files once: quicker, and a file saved during the tests gives no other tag halfway."""
    with mock.patch.object(table, "tag", cache(table.tag)):
        yield


@pytest.fixture(autouse=True, scope="session")
def nobodys_kubeconfig() -> Iterator[None]:
    """The provider takes KUBECONFIG for a setting: a stack is the same whoever runs its tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KUBECONFIG", raising=False)
        yield


@pytest.fixture(params=harness.STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    """Name of a stack."""
    return request.param


@pytest.fixture
def recorded(stack: str) -> Recorded:
    """One run of the stack."""
    return harness.recorded(stack)


@pytest.fixture
def namespace(recorded: Recorded) -> str:
    """The stack's namespace."""
    return recorded.outputs["namespace"]


@pytest.fixture
def opendata() -> Recorded:
    """The stack that negative tests spoil."""
    return harness.recorded("opendata")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether snapshots are to be written anew."""
    return bool(request.config.getoption("--update-snapshots"))


@pytest.fixture
def config(stack: str) -> dict[str, str]:
    """The stack's configuration as the program gets it."""
    return dict(configuration(stack)[1].values)
