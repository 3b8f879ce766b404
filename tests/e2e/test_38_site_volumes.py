"""Directories of the site's where users' code runs: seen everywhere, written to only where they may be."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.changes import changed
from tests.e2e.facility import execute, kubectl, pod_name, rollout
from tests.e2e.person import Person
from tests.e2e.server import KernelError, Server

CLAIMS = ("site-data", "site-software")
VOLUMES = [
    {"name": "ours", "claim": "site-data", "mountPath": "/data", "readOnly": False},
    {"name": "theirs", "claim": "site-software", "mountPath": "/software"},
]
WORD = uuid.uuid4().hex


def claim(name: str) -> dict[str, Any]:
    """Return a claim as an operator makes one."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        # One node is all there is.
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }


@pytest.fixture(scope="module")
def kernel(colleague: Person) -> Iterator[Server]:
    """A kernel of the colleague's, whose session has the site's directories."""
    for name in CLAIMS:
        kubectl("apply", "--filename=-", stdin=json.dumps(claim(name)))
    with changed(session={"volumes": VOLUMES}):
        # A running session goes on with what it was started with.
        colleague.account.stop_server()
        colleague.account.start_server()
        rollout("condor-execute")
        yield colleague.account.start_kernel()
        colleague.account.stop_server()
    kubectl("delete", "pvc", *CLAIMS, "--wait=false")
    colleague.account.start_server()


def test_what_is_written_in_a_session_is_seen_by_jobs_and_by_others(kernel: Server) -> None:
    kernel.run(f"open('/data/word', 'w').write({WORD!r})")
    assert execute(pod_name("condor-execute"), "cat", "/data/word").stdout == WORD


def test_nobody_writes_where_it_is_for_reading(kernel: Server) -> None:
    with pytest.raises(KernelError, match="Read-only file system"):
        kernel.run("open('/software/word', 'a')")
    refused = execute(pod_name("condor-execute"), "touch", "/software/word")
    assert "Read-only file system" in refused.stderr


def test_what_sessions_need_is_still_there(kernel: Server) -> None:
    found = "[os.path.isfile('/etc/cmsaf-secrets/ca.pem'), os.access(os.path.expanduser('~'), os.W_OK)]"
    assert kernel.value("import os", found) == [True, True]
