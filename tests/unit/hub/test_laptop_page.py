"""The page "Connect from your laptop" in a real JupyterHub, with the real issuer behind it."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from cryptography import x509

from services.hub.laptop_page import NOT_RUNNING, PAUSE, TOO_SOON
from services.hub.slug import slug

ROOT = Path(__file__).parents[3]
ADA, SLUG = "ada@example.org", slug("ada@example.org")


@dataclass(frozen=True)
class Running:
    """A hub, and what it and its issuer wrote."""

    url: str
    directory: Path

    def audit(self) -> list[dict[str, object]]:
        lines = (self.directory / "out").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def log(self) -> str:
        return (self.directory / "err").read_text()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """In a process of its own: JupyterHub's application is a singleton."""
    directory = tmp_path_factory.mktemp("hub")
    out, errors = directory / "out", directory / "err"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.hub.running_hub", str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=out.open("w"),
        stderr=errors.open("w"),
    ) as process:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://\S+", out.read_text())):
            assert process.poll() is None and time.monotonic() < end, errors.read_text()[-3000:]
            time.sleep(0.1)
        yield Running(found[0], directory)
        process.terminate()


class Person:
    """Somebody with a browser."""

    def __init__(self, hub: Running, name: str | None = None, *, server: bool = False) -> None:
        self.hub, self.browser = hub, requests.Session()
        # JupyterHub takes forms from pages only.
        self.browser.headers["Sec-Fetch-Mode"] = "navigate"
        if name:
            self.get("/hub/login")
            self.post("/hub/login", username=name, password="x", _xsrf=self.token())
        if server:
            self.get(f"/hub/spawn/{name}")
            end = time.monotonic() + 30
            while "laptop_form" not in self.get("/hub/laptop").text:
                assert time.monotonic() < end, hub.log()[-3000:]
                time.sleep(0.1)

    def get(self, path: str) -> requests.Response:
        return self.browser.get(self.hub.url + path, timeout=30, allow_redirects=False)

    def post(self, path: str, **form: str) -> requests.Response:
        """Send a form."""
        return self.browser.post(self.hub.url + path, data=form, timeout=30, allow_redirects=False)

    def token(self) -> str:
        """Return what forms of the hub's pages hold against forgery; the pages' scripts find it here."""
        return self.browser.cookies.get("_xsrf", path="/hub/") or ""

    def download(self) -> requests.Response:
        """Press the page's button."""
        page = self.get("/hub/laptop").text
        (token,) = re.findall(r'name="_xsrf" value="([^"]+)"', page)
        return self.post("/hub/laptop", _xsrf=token)


@pytest.fixture(scope="module")
def ada(hub: Running) -> Person:
    """Ada is logged in and has a server."""
    return Person(hub, ADA, server=True)


@pytest.fixture(scope="module")
def answer(ada: Person) -> requests.Response:
    """What Ada gets."""
    return ada.download()


@pytest.fixture(scope="module")
def files(answer: requests.Response) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_the_home_page_leads_there(ada: Person) -> None:
    assert 'href="/hub/laptop"' in ada.get("/hub/home").text


def test_the_page_says_where_the_scheduler_is(ada: Person) -> None:
    page = ada.get("/hub/laptop")
    assert f"tls://{SLUG}.dask.af.example.org:30786" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_the_download_is_a_zip_file_that_nobody_keeps_a_copy_of(answer: requests.Response) -> None:
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="dask-{SLUG}.zip"'


def test_it_holds_the_users_certificate_and_nothing_else_of_a_session(files: zipfile.ZipFile) -> None:
    assert set(files.namelist()) == {
        f"dask-{SLUG}/{name}" for name in ("ca.pem", "usercert.pem", "snippet.py", "README.txt")
    }
    everything = b"".join(files.read(name) for name in files.namelist())
    assert everything.count(b"PRIVATE KEY-----") == 2, "one key: where it begins and where it ends"
    # A data token is a JWT, which begins so.
    assert b"eyJ" not in everything


def test_the_certificate_is_the_users_and_of_the_facilitys_ca(files: zipfile.ZipFile, hub: Running) -> None:
    ca = x509.load_pem_x509_certificate(files.read(f"dask-{SLUG}/ca.pem"))
    assert files.read(f"dask-{SLUG}/ca.pem") == (hub.directory / "facility.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(files.read(f"dask-{SLUG}/usercert.pem"))
    certificate.verify_directly_issued_by(ca)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (address,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert address.endswith(f"/users/{SLUG}")
    expires = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    assert f"good until {expires}" in files.read(f"dask-{SLUG}/README.txt").decode()


def test_unpacked_the_key_is_its_owners_alone(answer: requests.Response, tmp_path: Path) -> None:
    (tmp_path / "dask.zip").write_bytes(answer.content)
    with zipfile.ZipFile(tmp_path / "dask.zip") as archive:
        modes = {Path(entry.filename).name: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes["usercert.pem"] == 0o100600
    assert modes["ca.pem"] == modes["snippet.py"] == 0o100644


def test_the_issuer_records_it_and_nobody_records_the_key(
    answer: requests.Response, files: zipfile.ZipFile, hub: Running
) -> None:
    (line,) = [line for line in hub.audit() if line.get("user") == ADA]
    assert (line["outcome"], line["slug"]) == ("issued", SLUG)
    assert f"Gave {ADA} a certificate for a laptop, until" in hub.log()
    assert "PRIVATE" not in hub.log() + json.dumps(hub.audit())


def test_two_downloads_have_two_keys_and_time_between_them(hub: Running) -> None:
    person = Person(hub, "grace", server=True)
    first, second = person.download(), person.download()
    assert (first.status_code, second.status_code) == (200, 429)
    assert TOO_SOON in second.text
    time.sleep(PAUSE)
    keys = {
        zipfile.ZipFile(io.BytesIO(got.content)).read("dask-grace/usercert.pem")
        for got in (first, person.download())
    }
    assert len(keys) == 2


def test_without_a_server_there_is_no_button_and_no_download(hub: Running) -> None:
    person = Person(hub, "bob")
    page = person.get("/hub/laptop")
    assert "laptop_form" not in page.text
    assert 'id="not_running"' in page.text
    refused = person.post("/hub/laptop", _xsrf=person.token())
    assert refused.status_code == 409
    assert NOT_RUNNING in refused.text
    assert not [line for line in hub.audit() if line.get("user") == "bob"]


def test_who_is_not_logged_in_is_sent_to_the_log_in(hub: Running) -> None:
    stranger = Person(hub)
    page = stranger.get("/hub/laptop")
    assert page.status_code == 302
    assert page.headers["Location"].startswith("/hub/login")
    assert stranger.post("/hub/laptop", _xsrf=stranger.token()).status_code == 403


@pytest.mark.parametrize("form", [{}, {"_xsrf": ""}, {"_xsrf": "forged"}])
def test_another_sites_form_gets_nothing(ada: Person, hub: Running, form: dict[str, str]) -> None:
    before = len(hub.audit())
    assert ada.post("/hub/laptop", **form).status_code == 403
    assert len(hub.audit()) == before


def test_the_token_of_another_persons_page_gets_nothing(ada: Person, hub: Running) -> None:
    other = Person(hub, "mallory")
    other.get("/hub/laptop")
    assert other.token()
    assert ada.post("/hub/laptop", _xsrf=other.token()).status_code == 403


def test_an_api_token_gets_nothing(ada: Person, hub: Running) -> None:
    """Notebooks have one: what runs in them holds the session's certificates, and is to get no others."""
    made = ada.browser.post(
        f"{hub.url}/hub/api/users/{ADA}/tokens",
        params={"_xsrf": ada.token()},
        json={},
        timeout=30,
    )
    assert made.status_code == 201, made.text
    token = {"Authorization": f"token {made.json()['token']}"}
    asked = requests.post(f"{hub.url}/hub/laptop", headers=token, timeout=30, allow_redirects=False)
    assert asked.status_code in (302, 403)
    assert requests.get(f"{hub.url}/hub/api/user", headers=token, timeout=30).json()["name"] == ADA


def test_an_issuer_that_does_not_answer_is_told_of(hub: Running) -> None:
    refused = Person(hub, "unlucky", server=True).download()
    assert refused.status_code == 503
    assert "credential service does not answer" in refused.text
    assert "No files for the laptop of unlucky: not just now" in hub.log()


def test_looking_makes_no_certificate(ada: Person, hub: Running) -> None:
    before = len(hub.audit())
    for _ in range(3):
        ada.get("/hub/laptop")
    assert len(hub.audit()) == before


def test_anybody_finds_the_issuer_and_its_public_keys(hub: Running) -> None:
    at_hub = f"{hub.url}/hub/issuer"
    document = requests.get(f"{at_hub}/.well-known/openid-configuration", timeout=10)
    assert document.json()["issuer"] == "https://af.example.org/hub/issuer"
    assert document.json()["jwks_uri"] == "https://af.example.org/hub/issuer/jwks"
    assert document.headers["Cache-Control"] == "public, max-age=300"
    keys = requests.get(f"{at_hub}/jwks", timeout=10).json()["keys"]
    assert {(key["kty"], key["alg"]) for key in keys} == {("EC", "ES256")}
    assert not [key for key in keys if "d" in key]


def test_nothing_else_of_the_service_is_shown(hub: Running) -> None:
    for path in ("/hub/issuer/v1/bundles", "/hub/issuer/healthz", "/hub/issuer/"):
        assert requests.get(hub.url + path, timeout=10).status_code == 404
    assert requests.post(f"{hub.url}/hub/issuer/jwks", timeout=10).status_code in (403, 405)
