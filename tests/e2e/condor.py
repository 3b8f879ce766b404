"""The facility's queue of jobs, as its access point sees it."""

from __future__ import annotations

from typing import Any

from tests.e2e.facility import kubectl, pods


def in_schedd(*command: str) -> str:
    """Run a command as the access point, which sees everybody's jobs."""
    done = kubectl("exec", "condor-schedd-0", "--container=schedd", "--", *command, check=False)
    return done.stdout + done.stderr


def owners() -> list[str]:
    """Return whose jobs wait or run."""
    return in_schedd("condor_q", "-allusers", "-constraint", "JobStatus < 3", "-af", "Owner").split()


def slug(person_or_server: Any) -> str:
    """Return a user's label, which HTCondor knows them by."""
    user = person_or_server.account.user
    for pod in pods("session"):
        if pod["metadata"]["annotations"]["hub.jupyter.org/username"] == user:
            return pod["metadata"]["labels"]["coffea-casa/user"]
    raise AssertionError(f"{user} has no session")
