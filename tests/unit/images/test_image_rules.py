"""What every Containerfile and lock file keeps to, tried on the project's own and on bad examples.

Each rule is a function of the text that returns what breaks it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from images.table import IMAGES, ROOT

HOST = re.compile(r"[a-z]+://|\b[a-z0-9-]+(\.[a-z0-9-]+)*\.(org|com|io|net|dev)\b")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HASH = "sha256:" + "0" * 64


def instructions(containerfile: str) -> list[str]:
    """Return a Containerfile's instructions, each on one line, without comments."""
    lines = [line for line in containerfile.splitlines() if not line.lstrip().startswith("#")]
    return [line.strip() for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


def last_user(containerfile: str) -> str | None:
    """Return whom the image's processes run as: the last USER of its last stage."""
    user = None
    for line in instructions(containerfile):
        if line.startswith("FROM "):
            user = None
        elif line.startswith("USER "):
            user = line.split()[1]
    return user


def is_unprivileged(user: str | None) -> bool:
    """Tell whether Kubernetes can see that a user is not root, which it cannot from a name."""
    return bool(user and re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user))


def unhashed_installs(containerfile: str) -> list[str]:
    """Return the commands that take Python or JavaScript packages without checking their hashes."""
    commands = [part.strip() for line in instructions(containerfile) for part in re.split(r"&&|;", line)]
    pip = [c for c in commands if re.search(r"\bpip3? install\b", c) and "--require-hashes" not in c]
    return pip + [c for c in commands if re.search(r"\bnpm (install|i|add)\b", c) and "apt-get" not in c]


def unlocked(requirements: str) -> list[str]:
    """Return the requirements of a lock file that name no exact version or no hash."""
    text = "\n".join(line for line in requirements.splitlines() if not line.lstrip().startswith("#"))
    found = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    locked = re.compile(r"[A-Za-z0-9._\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}")
    return [line for line in found if not locked.match(line)]


def unlocked_npm(package_lock: str) -> list[str]:
    """Return the packages of an npm lock file without an integrity hash, or with an address to fetch from."""
    packages = json.loads(package_lock)["packages"]
    return [name for name, p in packages.items() if name and ("integrity" not in p or "resolved" in p)]


def hosts_in(requirements: str) -> list[str]:
    """Return the lines of a Python lock file that name a host."""
    return [line for line in requirements.splitlines() if HOST.search(line)]


def containerfile(name: str) -> str:
    return (ROOT / "images" / name / "Containerfile").read_text()


@pytest.mark.parametrize("name", IMAGES)
def test_every_image_runs_as_a_number_that_is_not_root(name: str) -> None:
    assert is_unprivileged(last_user(containerfile(name)))


@pytest.mark.parametrize("last", ["", "USER 0", "USER 0:0", "USER root", "USER jovyan", "USER 1000:0"])
def test_root_and_names_are_refused(last: str) -> None:
    text = f"FROM base AS build\nUSER 1000\nFROM base\nUSER 1000:1000\nUSER 0\n{last}\n"
    assert not is_unprivileged(last_user(text))


def test_the_user_of_an_earlier_stage_does_not_count() -> None:
    assert last_user("FROM base AS build\nUSER 1000\nFROM base\n") is None


@pytest.mark.parametrize("name", IMAGES)
def test_every_package_of_an_image_is_checked_by_its_hash(name: str) -> None:
    assert unhashed_installs(containerfile(name)) == []


@pytest.mark.parametrize(
    "command", ["pip install numpy", "true && \\\n  pip install -r x.txt", "npm install a"]
)
def test_an_install_without_hashes_is_found(command: str) -> None:
    assert unhashed_installs(f"FROM base\nRUN {command}\n")


@pytest.mark.parametrize("name", [name for name, image in IMAGES.items() if image.base])
def test_every_image_but_the_base_starts_from_the_base(name: str) -> None:
    sources = [line for line in instructions(containerfile(name)) if line.startswith("FROM ")]
    assert sources
    assert all(line.split()[1] == "${BASE}" for line in sources)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_lock_file_has_versions_and_hashes_and_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert text.count("==") >= 1
    assert unlocked(text) == []
    assert hosts_in(text) == []


@pytest.mark.parametrize(
    "line", ["numpy", "numpy==2.0", f"numpy>=2 --hash={HASH}", "numpy==2.0 --hash=sha256:00"]
)
def test_a_requirement_without_version_or_hash_is_found(line: str) -> None:
    assert unlocked(f"a==1 \\\n    --hash={HASH}\n    # via b\n{line}\n") == [line]


@pytest.mark.parametrize(
    "line", ["--index-url https://a.example/simple", "# from packages.example.org", "a @ git+ssh://x"]
)
def test_a_host_in_a_lock_file_is_found(line: str) -> None:
    assert hosts_in(f"a==1 \\\n    --hash={HASH}\n{line}\n") == [line]


def test_the_proxys_packages_have_hashes_and_no_addresses() -> None:
    lock = (ROOT / "images" / "proxy" / "package-lock.json").read_text()
    assert "node_modules/configurable-http-proxy" in lock
    assert unlocked_npm(lock) == []


@pytest.mark.parametrize("package", [{}, {"integrity": "sha512-x", "resolved": "https://a.example/a.tgz"}])
def test_an_npm_package_without_hash_or_with_an_address_is_found(package: dict[str, str]) -> None:
    assert unlocked_npm(json.dumps({"packages": {"": {}, "node_modules/a": package}})) == ["node_modules/a"]


def test_hub_and_session_have_the_same_jupyterhub_and_gateway_its_client() -> None:
    def version(image: str, package: str) -> str:
        lines = (ROOT / "requirements" / f"{image}.txt").read_text().splitlines()
        return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))

    assert (
        version("hub", "jupyterhub") == version("session", "jupyterhub") == version("gateway", "jupyterhub")
    )
    assert version("gateway", "dask-gateway-server") == version("session", "dask-gateway")
