"""What starts jobs on an execute node, run as HTCondor runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "images/execute/bin/condor-job"
COMMAND = (
    "printf '%s\\n' tls://ada.sessions:8786 --tls-ca-file /etc/cmsaf-secrets/ca.pem "
    "--tls-cert /etc/cmsaf-secrets/hostcert.pem"
)
DASK = 'CoffeaCasaWorkerType = "dask"\n'


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("facility's CA\n")
    (tmp_path / "access_token").write_text("token")
    (tmp_path / "access_token").chmod(0o644)
    return tmp_path


def start(scratch: Path, description: str, *words: str) -> subprocess.CompletedProcess[str]:
    (scratch / ".job.ad").write_text(description)
    told = {
        "PATH": os.environ["PATH"],
        "_CONDOR_SCRATCH_DIR": str(scratch),
        "_CONDOR_JOB_AD": str(scratch / ".job.ad"),
        "_CONDOR_WRAPPER_ERROR_FILE": str(scratch / "error"),
        "DASK_WORKER_PORTS": "10000:10009",
    }
    return subprocess.run(
        ["python3", "-IS", str(WRAPPER), *words], env=told, capture_output=True, text=True, timeout=20
    )


def test_a_workers_files_are_in_its_jobs_directory(scratch: Path) -> None:
    said = start(scratch, DASK, "/bin/sh", "-c", COMMAND).stdout.splitlines()
    assert said[said.index("--tls-ca-file") + 1] == f"{scratch}/ca.pem"
    assert said[said.index("--tls-cert") + 1] == f"{scratch}/hostcert.pem"
    assert not [line for line in said if "cmsaf" in line]


def test_a_worker_listens_where_the_firewall_lets_others_in(scratch: Path) -> None:
    said = start(scratch, DASK, "/bin/sh", "-c", COMMAND).stdout.splitlines()
    assert said[said.index("--worker-port") + 1] == said[said.index("--nanny-port") + 1] == "10000:10009"
    assert said[said.index("--local-directory") + 1] == str(scratch)


def test_a_job_may_say_itself_which_ports_those_are(scratch: Path) -> None:
    said = start(
        scratch, DASK + 'DaskWorkerPorts = "20000:20099"\n', "/bin/sh", "-c", COMMAND
    ).stdout.splitlines()
    assert said[said.index("--worker-port") + 1] == "20000:20099"


def test_it_is_a_workers_shell_where_the_site_starts_it_in_the_place_of_one(scratch: Path) -> None:
    as_shell = start(scratch, DASK, "-c", COMMAND).stdout
    (scratch / "credentials" / "ca-bundle.pem").unlink()
    (scratch / "credentials" / "access_token").unlink()
    (scratch / "credentials").rmdir()
    assert as_shell == start(scratch, DASK, "/bin/sh", "-c", COMMAND).stdout != ""


def test_a_workers_programs_find_token_and_cas(scratch: Path) -> None:
    lines = start(scratch, DASK, "/bin/sh", "-c", "env; :").stdout.splitlines()
    said = {name: value for name, _, value in (line.partition("=") for line in lines)}
    token = Path(said["BEARER_TOKEN_FILE"])
    assert token.read_text() == "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert Path(said["X509_CERT_FILE"]).read_text().startswith("facility's CA\n")
    assert said["HOME"] == str(scratch)
    assert "PYTHONPATH" not in said


def test_no_file_of_the_jobs_directory_is_made_or_changed_which_would_be_sent_back(scratch: Path) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in scratch.iterdir()}
    start(scratch, DASK, "/bin/sh", "-c", "env; :")
    after = {file.name: file.stat().st_mtime_ns for file in scratch.iterdir() if file.is_file()}
    assert before.items() <= after.items()
    assert set(after) - set(before) == {".job.ad"}


def test_shipped_paths_can_be_imported(scratch: Path) -> None:
    shipped = DASK + 'CoffeaCasaShippedPaths = "mine.py"\n'
    said = start(scratch, shipped, "/bin/sh", "-c", "env; :").stdout
    assert f"PYTHONPATH={scratch}\n" in said


@pytest.mark.parametrize("description", ["", 'CoffeaCasaWorkerType = "other"\n', 'Args = "dask"\n'])
def test_another_job_starts_as_it_is(scratch: Path, description: str) -> None:
    said = start(scratch, description, "/bin/echo", "-c", "/etc/cmsaf-secrets/ca.pem", "a b").stdout
    assert said == "-c /etc/cmsaf-secrets/ca.pem a b\n"


def test_the_exit_status_is_the_jobs(scratch: Path) -> None:
    assert start(scratch, "", "/bin/sh", "-c", "exit 7").returncode == 7


def test_what_cannot_start_says_why_where_htcondor_looks(scratch: Path) -> None:
    assert start(scratch, "", "/no/such/program").returncode
    assert "the job does not start" in (scratch / "error").read_text()
