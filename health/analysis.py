"""The steps of the health check: from the service's log-in to numbers that are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from health.account import Account, AnswerError, Server
from health.steps import NotApplicableError, Step
from health.waiting import wait_for
from settings import Settings

HERE = Path(__file__).parent
UPLOADED = (HERE / "dimuon.py", HERE / "in_kernel.py")
JOBS_END = 120
"""Seconds after which no job may be left."""


@dataclass
class Analysis:
    """What the steps hand on to each other."""

    account: Account
    settings: Settings
    server: Server | None = None
    started: bool = False

    def steps(self) -> Sequence[Step]:
        """Return the steps in their order."""
        return (
            Step("log-in", self.log_in),
            Step("notebook server", self.start),
            Step("kernel", self.kernel),
            Step("Dask cluster", self.cluster),
            Step("coffea over Dask", self.over_dask),
            Step("coffea through XCache", self.through_cache),
            Step("coffea over HTCondor", self.over_condor),
        )

    def last(self) -> Step:
        """Return the step that is always taken."""
        return Step("clean-up", self.clean_up)

    def log_in(self) -> str:
        """Ask the hub who we are, with the service's token."""
        return f"as {self.account.get('/hub/api/user')['name']}"

    def start(self) -> str:
        """Start the health user's server; one that an earlier check left is stopped first."""
        self.started = True
        self.account.stop_server()
        self.account.start_server(self.settings.session.start_timeout + 120)
        return f"of {self.account.user}"

    def kernel(self) -> str:
        """Start a kernel, and load the analysis in it."""
        self.server = self.account.start_kernel()
        for file in UPLOADED:
            self.server.upload(file)
        return f"Python {self.server.value('import sys, in_kernel', 'sys.version.split()[0]')}"

    def cluster(self) -> str:
        """Start a Dask cluster through the gateway."""
        return str(self._value("start_cluster()", 600))

    def over_dask(self) -> str:
        """Analyse events whose answer is known."""
        return self._right("over_dask()", 300)

    def through_cache(self) -> str:
        """Analyse the settings' file through the cache; without one ask the cache alone."""
        if self.settings.xcache is None:
            raise NotApplicableError("there is no coffea-casa:xcache")
        file = self.settings.health.file if self.settings.health else None
        if file is None:
            wrong = self._value("cache_answers()", 120)
            if wrong:
                raise AnswerError(wrong)
            return "the cache answers; health.file names none to read"
        total, _ = self._value(f"through_cache({file!r})", 600)
        if not total:
            raise AnswerError(f"{file} has no pair of muons")
        return f"{total} pairs of muons in {file}"

    def over_condor(self) -> str:
        """Analyse the same on a worker of CoffeaCasaCluster's, and see that no job stays behind."""
        if self.settings.pool is None:
            raise NotApplicableError("there is no coffea-casa:pool")
        told = self._right("over_condor()", 600)
        wait_for("the end of the jobs", lambda: not self._value("jobs()", 90), JOBS_END, pause=2)
        return told

    def clean_up(self) -> str:
        """End what was started, and remove what was uploaded."""
        if not self.started:
            raise NotApplicableError("nothing was started")
        try:
            if self.server is not None:
                self._value("clean_up()", 120)
        finally:
            # Its Dask clusters belong to the server, and end with it at the latest; jobs soon after it.
            self.account.stop_server()
        return "the server is stopped"

    def _right(self, call: str, seconds: float) -> str:
        """Run an analysis whose answer is known."""
        found, right = self._value(call, seconds), self._value("expected()", 60)
        if found != right:
            raise AnswerError(f"{found} pairs, in all and around 91 GeV, instead of {right}")
        return f"{found[0]} pairs of muons, as it should be"

    def _value(self, call: str, seconds: float) -> Any:
        assert self.server
        return self.server.value("import in_kernel", f"in_kernel.{call}", seconds)
