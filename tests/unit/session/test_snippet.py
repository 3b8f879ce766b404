"""The snippet that users download, run as it is against real schedulers over real TLS."""

from __future__ import annotations

import io
import runpy
import socket
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.credentials.person import Person
from services.hub.issuer import Bundle
from services.hub.laptop import archive
from services.hub.settings import Laptop
from tests.unit.session.conftest import Cluster, Facility, Start

HOST = "ada.dask.localhost"


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wildcard of the facility's DNS."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: resolve("127.0.0.1" if host == HOST else host, *a, **k)
    )


def unpacked(facility: Facility, cluster: Cluster, directory: Path) -> Path:
    """Return Ada's snippet beside her files, for a scheduler at the port of ``cluster``."""
    made = facility.mint.bundle(Person(user="ada@example.org", slug="ada"), int(time.time()))
    laptop = Laptop(domain="dask.localhost", port=urlsplit(cluster.scheduler).port or 0)
    bundle = Bundle(files=made.files, expires=made.expires)
    content = archive(bundle, "ada@example.org", "ada", laptop, "https://localhost:30443")
    zipfile.ZipFile(io.BytesIO(content)).extractall(directory)
    return directory / "dask-ada/snippet.py"


def test_it_computes(
    start: Start, facility: Facility, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snippet = unpacked(facility, start("ada", workers=1), tmp_path)
    client: Any = runpy.run_path(str(snippet), run_name="__main__")["client"]
    try:
        assert "20 + 22 = 42" in capsys.readouterr().out
        assert client.scheduler.address.startswith(f"tls://{HOST}:")
    finally:
        client.close()


def test_it_gives_nothing_to_another_user_who_answers_in_the_schedulers_place(
    start: Start, facility: Facility, tmp_path: Path
) -> None:
    # Without the preload, Bob's scheduler would take Ada.
    snippet = unpacked(facility, start("bob", workers=1, dask=tmp_path), tmp_path)
    with pytest.raises(OSError, match="certificate"):
        runpy.run_path(str(snippet))


def test_its_texts_name_the_facility_the_user_and_the_end(
    start: Start, facility: Facility, tmp_path: Path
) -> None:
    snippet = unpacked(facility, start("ada"), tmp_path)
    text = snippet.with_name("README.txt").read_text()
    assert "https://localhost:30443" in text
    assert "for: ada@example.org" in text
    assert "$" not in text + snippet.read_text()
