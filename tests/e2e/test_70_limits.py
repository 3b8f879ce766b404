"""One user's share of Dask, the end of clusters with their owner's server, and the culler."""

from __future__ import annotations

import pytest

from tests.e2e.facility import execute, pod_name, pods, wait_for
from tests.e2e.server import Server

TRY = """
from dask_gateway import Gateway
try:
    {attempt}
    message = None
except Exception as error:
    message = str(error)
"""


def refusal(notebook: Server, attempt: str) -> str:
    """Run a statement in the kernel and return the message of its refusal."""
    message = notebook.value(TRY.format(attempt=attempt), "message")
    assert message, f"nothing refused {attempt}"
    return message


@pytest.fixture(scope="module")
def second(notebook: Server, cluster: str) -> str:
    """The user's second cluster, as many as one may have."""
    return notebook.value("second = gateway.new_cluster()", "second.name")


def test_a_third_cluster_is_refused_with_the_limit_and_the_way_out(notebook: Server, second: str) -> None:
    message = refusal(notebook, "gateway.new_cluster()")
    assert "2 Dask clusters" in message and "list_clusters" in message
    assert len(pods("dask-scheduler")) == 2


def test_too_many_workers_are_refused_with_the_limit(notebook: Server, second: str) -> None:
    message = refusal(notebook, "second.scale(500)")
    assert "8 cores" in message and "16 GiB of memory" in message
    assert not [pod for pod in pods("dask-worker") if second.split(".")[1] in pod["metadata"]["name"]]


def test_a_worker_larger_than_the_facilitys_is_refused(notebook: Server, second: str) -> None:
    assert second
    assert "worker_memory" in refusal(notebook, "gateway.new_cluster(worker_memory=1000)")


def test_the_culler_runs_with_the_time_of_the_settings() -> None:
    script = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -A9 jupyterhub_idle_culler"
    shown = execute(pod_name("hub"), "bash", "-c", script).stdout
    assert "--timeout=3600" in shown, shown


def test_clusters_end_with_the_users_server(notebook: Server, second: str) -> None:
    assert second
    assert pods("dask-scheduler") and pods("dask-worker")
    notebook.account.stop_server()
    wait_for(
        "the end of every cluster", lambda: not pods("dask-scheduler") and not pods("dask-worker") or None, 60
    )
