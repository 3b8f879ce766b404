"""Each step that can fail fails by its name, and what was started is always ended."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from health import analysis
from health.__main__ import check, main
from health.account import Account
from health.analysis import UPLOADED, Analysis
from health.site import SiteError, settings, site
from health.steps import NotApplicableError, Step, follow, reason_of
from settings import load
from tests.unit.credentials.ca import Ca
from tests.unit.health.facility import TOKEN, USER, Running, World, start

CACHE = {"origin": "o.example.org", "prefix": "/store"}
POOL = {"mode": "embedded", "trustDomain": "pool.example.org", "uidDomain": "users.example.org"}


@pytest.fixture(scope="module")
def ca() -> Ca:
    """A CA."""
    return Ca()


@pytest.fixture
def world() -> World:
    """A facility where all is well."""
    world = World()

    def fine(name: str, value: Any) -> Any:
        def call(*arguments: Any) -> Any:
            world.done.append(" ".join([name, *map(str, arguments)]))
            return value

        return call

    values = {
        "start_cluster": "ns.1",
        "over_dask": [60, 60],
        "expected": [60, 60],
        "through_cache": [38, 4],
        "cache_answers": "",
        "over_condor": [60, 60],
        "jobs": [],
        "clean_up": None,
    }
    world.kernel = SimpleNamespace(**{name: fine(name, value) for name, value in values.items()})
    return world


@pytest.fixture
def running(world: World, ca: Ca, tmp_path: Path) -> Iterator[Running]:
    """The facility."""
    found = start(world, ca, tmp_path)
    yield found
    found.stop()


Report = tuple[int, dict[str, str], str]


@pytest.fixture
def report(running: Running, capsys: pytest.CaptureFixture[str]) -> Any:
    """Check the facility; return status, verdict of each step, and what was said of the failing one."""

    def take(token: str = TOKEN, **raw: Any) -> Report:
        found = load({"health": {}, "session": {"startTimeout": 30}} | raw, stack="site")
        status = check(Analysis(Account(running, USER, token), found))
        said = capsys.readouterr()
        lines = said.out.splitlines()
        return status, {line[:24].strip(): line[25:39].strip() for line in lines}, said.out + said.err

    return take


GOOD = {
    "log-in": "ok",
    "notebook server": "ok",
    "kernel": "ok",
    "Dask cluster": "ok",
    "coffea over Dask": "ok",
    "coffea through XCache": "not applicable",
    "coffea over HTCondor": "not applicable",
    "clean-up": "ok",
}


def test_a_facility_in_order_passes_and_is_left_as_it_was(report: Any, world: World) -> None:
    status, verdicts, said = report()
    assert status == 0, said
    assert verdicts == GOOD
    assert world.uploaded == [file.name for file in UPLOADED]
    assert world.done == [
        "nothing to stop",
        "start",
        "start_cluster",
        "over_dask",
        "expected",
        "clean_up",
        "stop",
    ]


def test_every_line_has_a_time(report: Any) -> None:
    *_, said = report()
    assert all(line[39:].split()[1] == "s" and float(line[39:].split()[0]) >= 0 for line in said.splitlines())


def test_a_server_that_an_earlier_check_left_is_stopped_first(report: Any, world: World) -> None:
    world.running = True
    assert report()[0] == 0
    assert world.done[:2] == ["stop", "start"]


def test_a_file_is_read_through_the_cache_and_without_one_the_cache_is_asked(
    report: Any, world: World
) -> None:
    assert report(xcache=CACHE, health={"file": "/store/a.root"})[1]["coffea through XCache"] == "ok"
    assert "through_cache /store/a.root" in world.done
    assert report(xcache=CACHE)[1]["coffea through XCache"] == "ok"
    assert "cache_answers" in world.done


def test_with_a_pool_the_same_is_analysed_on_it_until_its_jobs_have_gone(report: Any, world: World) -> None:
    left = [["7"], ["7"], []]
    world.kernel.jobs = lambda: left.pop(0)
    status, verdicts, said = report(pool=POOL)
    assert (status, verdicts["coffea over HTCondor"]) == (0, "ok"), said
    assert not left
    assert world.done[-4:] == ["over_condor", "expected", "clean_up", "stop"]


def test_a_job_that_stays_is_a_failure(report: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.kernel.jobs = lambda: ["7"]
    monkeypatch.setattr(analysis, "JOBS_END", 0)
    status, verdicts, said = report(pool=POOL)
    assert (status, verdicts["coffea over HTCondor"]) == (1, "FAILED")
    assert "in vain: the end of the jobs" in said
    assert not world.running


def fail(said: str) -> Any:
    def call(*_: Any) -> None:
        raise RuntimeError(said)

    return call


@pytest.mark.parametrize(
    ("step", "function", "reason"),
    [
        ("Dask cluster", "start_cluster", "RuntimeError: it is away"),
        ("coffea over Dask", "over_dask", "RuntimeError: it is away"),
        ("coffea through XCache", "through_cache", "RuntimeError: it is away"),
        ("coffea over HTCondor", "over_condor", "RuntimeError: it is away"),
        ("coffea over HTCondor", "jobs", "RuntimeError: it is away"),
        ("clean-up", "clean_up", "RuntimeError: it is away"),
    ],
)
def test_a_step_that_raises_in_the_kernel_is_named_and_the_server_is_stopped(
    report: Any, world: World, step: str, function: str, reason: str
) -> None:
    setattr(world.kernel, function, fail("it is away"))
    status, verdicts, said = report(xcache=CACHE, pool=POOL, health={"file": "/store/a.root"})
    assert status == 1
    assert [title for title, verdict in verdicts.items() if verdict == "FAILED"] == [step]
    assert reason in said
    assert f"health: FAILED at the step '{step}'" in said
    assert world.done[-1] == "stop"
    assert not world.running


@pytest.mark.parametrize(
    ("step", "function"), [("coffea over Dask", "over_dask"), ("coffea over HTCondor", "over_condor")]
)
def test_numbers_that_are_wrong_are_a_failure(report: Any, world: World, step: str, function: str) -> None:
    setattr(world.kernel, function, lambda: [60, 59])
    status, verdicts, said = report(pool=POOL)
    assert (status, verdicts[step]) == (1, "FAILED")
    assert "[60, 59] pairs, in all and around 91 GeV, instead of [60, 60]" in said


def test_an_empty_file_and_a_silent_cache_are_failures(report: Any, world: World) -> None:
    world.kernel.through_cache = lambda _: [0, 0]
    world.kernel.cache_answers = lambda: "[FATAL] Connection error"
    health = {"file": "/store/a.root"}
    assert report(xcache=CACHE, health=health)[1]["coffea through XCache"] == "FAILED"
    assert "[FATAL] Connection error" in report(xcache=CACHE)[2]


def test_a_token_that_the_hub_does_not_know_fails_at_the_log_in(report: Any, world: World) -> None:
    status, verdicts, said = report("u" * 64)
    assert status == 1
    assert verdicts == {"log-in": "FAILED", "clean-up": "not applicable"}
    assert "GET /hub/api/user: 403" in said
    assert not world.done


def test_a_server_that_does_not_start_fails_there(report: Any, world: World) -> None:
    world.starts = False
    status, verdicts, _ = report()
    assert (status, verdicts["notebook server"], verdicts["clean-up"]) == (1, "FAILED", "ok")


def test_a_kernel_that_hangs_up_fails_there_and_the_server_is_stopped(report: Any, world: World) -> None:
    world.hangs_up = True
    status, verdicts, said = report()
    assert (status, verdicts["kernel"]) == (1, "FAILED")
    assert "web socket was closed" in said
    assert not world.running


def test_a_certificate_of_somebody_elses_is_not_taken(
    running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(Ca().pem)
    facility = replace(running, ca_file=other)
    assert check(Analysis(Account(facility, USER, TOKEN), load({"health": {}}, stack="site"))) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().out


def test_the_last_step_is_taken_also_when_the_program_is_ended() -> None:
    said: list[str] = []

    def ended() -> str:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        follow([Step("first", ended)], Step("last", lambda: "done"), said.append)
    assert [line.split()[0] for line in said] == ["last"]


def test_a_step_that_does_not_apply_is_no_failure() -> None:
    def none() -> str:
        raise NotApplicableError("nothing there")

    assert follow([Step("first", none)], Step("last", lambda: ""), lambda _: None) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("a\nb\n\x1b[0;31mValueError\x1b[0m: c\n"), "ValueError: c"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_a_reason_is_the_last_line_without_colours(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


OUTPUTS = {
    "url": "https://af.example.org",
    "healthUser": "h",
    "healthToken": "secret-token",
    "caCertificate": "PEM",
}


def test_the_facilitys_ca_is_trusted_only_where_it_signed(tmp_path: Path) -> None:
    own = site(OUTPUTS, load({"health": {}}, stack="site"), tmp_path)
    assert own.ca_file and own.ca_file.read_text() == "PEM"
    public = {"url": "https://af.example.org", "tls": "external", "service": "ClusterIP"}
    assert site(OUTPUTS, load({"health": {}, "public": public}, stack="site"), tmp_path).ca_file is None


def test_the_token_is_not_shown(tmp_path: Path) -> None:
    found = site(OUTPUTS, load({"health": {}}, stack="site"), tmp_path)
    assert "secret-token" not in repr(found) + repr(Account(found, found.user, found.token))


def test_an_up_that_is_still_to_come_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="run `pulumi up`"):
        site({"url": "x"}, load({"health": {}}, stack="site"), tmp_path)


def test_a_stack_without_health_is_told_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.site.yaml").write_text("config: {}")
    with pytest.raises(SiteError, match="write coffea-casa:health into Pulumi.site.yaml"):
        settings("site", tmp_path)
    with pytest.raises(SiteError, match="there is no Pulumi.other.yaml"):
        settings("other", tmp_path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, and a program pulumi that knows its outputs."""
    (tmp_path / "Pulumi.site.yaml").write_text(yaml.safe_dump({"config": {"coffea-casa:health": {}}}))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def put(project: Path, body: str) -> None:
    program = project / "bin" / "pulumi"
    program.write_text(f"#!{sys.executable}\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_the_program_finds_its_way_by_the_stacks_outputs(
    running: Running, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"url": running.url, "healthUser": USER, "healthToken": TOKEN}
    told["caCertificate"] = running.ca_file.read_text()
    put(project, f"import sys; assert sys.argv[1:3] == ['stack', 'output']; print({json.dumps(told)!r})")
    assert main(["site", "--directory", str(project)]) == 0
    said = capsys.readouterr()
    assert "clean-up" in said.out
    assert TOKEN not in said.out + said.err


def test_an_engine_that_is_away_or_refuses_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "--directory", str(project)]) == 2
    assert "there is no program pulumi" in capsys.readouterr().err
    put(project, "import sys; sys.exit('error: no stack named site')")
    assert main(["site", "--directory", str(project)]) == 2
    assert "no stack named site" in capsys.readouterr().err
