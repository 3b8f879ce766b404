"""The hub may go and come: whoever works goes on working."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

import pytest

from tests.e2e.facility import kubectl, pod_name, rollout
from tests.e2e.person import Person
from tests.e2e.server import Server


@pytest.fixture(scope="module")
def remembered(notebook: Server, cluster: str) -> str:
    """A value kept in the kernel's memory while the hub is replaced by another."""
    assert cluster
    word = uuid.uuid4().hex
    notebook.run(f"remembered = {word!r}")
    before = pod_name("hub")
    kubectl("delete", "pod", before)
    rollout("hub")
    assert pod_name("hub") != before
    return word


def test_the_notebook_and_its_kernel_survive(notebook: Server, remembered: str) -> None:
    kernels = notebook.account.get(f"{notebook.path}api/kernels")
    assert notebook.kernel in [kernel["id"] for kernel in kernels]
    assert notebook.value("", "remembered") == remembered


def test_the_dask_cluster_survives(notebook: Server, remembered: str) -> None:
    assert remembered
    assert notebook.value("", "client.submit(sum, [20, 22]).result(timeout=60)") == 42


def test_the_gateway_still_knows_the_user(notebook: Server, cluster: str, remembered: str) -> None:
    assert remembered
    assert notebook.value("", "[report.name for report in gateway.list_clusters()]") == [cluster]


def test_the_user_is_still_logged_in(person: Person, remembered: str) -> None:
    assert remembered
    facility = person.account.facility
    person.requested.clear()
    person.page.goto(f"{facility.url}/hub/home")
    assert urlsplit(person.page.url).path == "/hub/home"
    assert not [url for url in person.requested if "/services/dex/" in url]
    person.page.get_by_text(person.account.user).first.wait_for()
