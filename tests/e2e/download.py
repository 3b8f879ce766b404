"""The files for a user's own computer, from the hub's page."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.facility import Facility
from tests.e2e.person import Person

PORT = 30786
"""The stack file's daskRouter.port."""
DOMAIN = "dask.localhost"


@dataclass(frozen=True)
class Files:
    """An unpacked download."""

    place: Path

    @property
    def slug(self) -> str:
        return self.place.name.removeprefix("dask-")

    @property
    def host(self) -> str:
        return f"{self.slug}.{DOMAIN}"


def saved(person: Person, facility: Facility, directory: Path) -> Path:
    """Go from the home page to the laptop's, press its button, and return the zip file."""
    page = person.page.context.new_page()
    page.goto(f"{facility.url}/hub/home")
    page.locator("#laptop").click()
    with page.expect_download() as given:
        page.locator("#laptop_form [type=submit]").click()
    file = directory / given.value.suggested_filename
    given.value.save_as(file)
    page.close()
    return file


def download(person: Person, facility: Facility, directory: Path) -> Files:
    """Save the zip file and unpack it."""
    file = saved(person, facility, directory)
    # unzip keeps the files' modes, as file managers do; Python's own does not.
    subprocess.run(["unzip", "-q", str(file), "-d", str(directory)], check=True)
    return Files(directory / file.stem)
