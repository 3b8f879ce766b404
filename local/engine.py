"""The Pulumi engine and its plugins: the machine's own or official ones, else built, else stand-ins."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import modules
from local.paths import ROOT, state
from local.shell import answer

MINIMUM = (3, 142, 0)
"""The oldest engine that is good: the first with every feature that the project's Pulumi.yaml uses."""
PLUGINS = ("kubernetes", "random", "tls")
STAND_INS = ROOT / "local" / "plugins" / "bin"


def version(told: str | None) -> tuple[int, ...] | None:
    """Return the numbers of what ``pulumi version`` tells, or None where they cannot be read."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", told or "")
    return tuple(int(part) for part in found.groups()) if found else None


def good(told: str | None) -> bool:
    """Tell whether an engine of this version runs the project."""
    numbers = version(told)
    return numbers is not None and numbers[0] == MINIMUM[0] and numbers >= MINIMUM


def own() -> Path | None:
    """Return the directory of the machine's own engine, if it is good and speaks Python."""
    program = shutil.which("pulumi")
    if program and shutil.which("pulumi-language-python") and good(answer([program, "version"])):
        return Path(program).parent
    return None


def locked(lock: str) -> dict[str, str]:
    """Return the plugins' versions: those of the Python packages in a lock file."""
    found = re.findall(rf"^pulumi-({'|'.join(PLUGINS)})==(\S+)", lock, re.MULTILINE)
    return dict(found)


def home() -> Path:
    """Return Pulumi's own directory, where official plugins are."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def official(name: str, wanted: str, directory: Path) -> bool:
    """Tell whether the official plugin is there: in Pulumi's directory, or on PATH."""
    installed = directory / "plugins" / f"resource-{name}-v{wanted}" / f"pulumi-resource-{name}"
    # Our own stand-ins are on PATH, too, when a program that we started starts us again.
    foreign = [place for place in os.environ.get("PATH", "").split(":") if place != str(state() / "plugins")]
    return installed.exists() or shutil.which(f"pulumi-resource-{name}", path=":".join(foreign)) is not None


def absent() -> list[str]:
    """Return the names of the plugins whose official program is not there."""
    versions = locked((ROOT / "requirements" / "dev.txt").read_text())
    return [name for name in PLUGINS if not official(name, versions[name], home())]


def _programs() -> list[str]:
    """Return the modules of what is used instead of what the machine has not."""
    needed = [] if own() else ["pulumi", "pulumi-language-python"]
    return needed + (["pulumi-resource-kubernetes"] if "kubernetes" in absent() else [])


def _asked() -> Path:
    """Return the file that says for which lock file the official plugins were asked for in vain."""
    return state() / "plugins-asked"


def _lock_stamp() -> str:
    return repr(sorted(locked((ROOT / "requirements" / "dev.txt").read_text()).items()))


def ready() -> bool:
    """Tell whether there is nothing to fetch or build."""
    asked = _asked().exists() and _asked().read_text() == _lock_stamp()
    return (asked or not absent()) and all(modules.is_built(name) for name in _programs())


def get() -> None:
    """Find, fetch or build the engine and the plugins."""
    if not own():
        modules.build_all(["pulumi", "pulumi-language-python"])
    versions = locked((ROOT / "requirements" / "dev.txt").read_text())
    for name in absent():
        # The official plugin where it can be had: one try, since a machine without the internet never can.
        answer(["pulumi", "plugin", "install", "resource", name, versions[name]], env=environment({}))
    _asked().parent.mkdir(parents=True, exist_ok=True)
    _asked().write_text(_lock_stamp())
    modules.build_all(_programs())
    print(f"    {described()}", flush=True)


def described() -> str:
    """Return one line that says which engine and plugins are used."""
    engine = f"pulumi of this machine ({own()})" if own() else "pulumi built from local/modules"
    missing = absent()
    told = [f"{name}: official" for name in PLUGINS if name not in missing]
    told += ["kubernetes: built from local/modules"] if "kubernetes" in missing else []
    replaced = [name for name in missing if name != "kubernetes"]
    if replaced:
        told.append(
            f"{' and '.join(replaced)}: stand-ins from local/plugins, since the official ones are not here"
        )
    return f"{engine}; plugins {', '.join(told)}"


def path() -> list[Path]:
    """Return the directories that go first on PATH."""
    return [modules.directory(name) for name in _programs()] + [stand_ins(absent())]


def stand_ins(missing: Sequence[str]) -> Path:
    """Return a directory with the stand-ins of the plugins that are missing, and no other."""
    directory = state() / "plugins"
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {f"pulumi-resource-{name}" for name in missing if name != "kubernetes"}
    for link in directory.iterdir():
        if link.name not in wanted:
            link.unlink()
    for name in wanted:
        if not (directory / name).is_symlink() or (directory / name).readlink() != STAND_INS / name:
            (directory / name).unlink(missing_ok=True)
            (directory / name).symlink_to(STAND_INS / name)
    return directory


def environment(more: Mapping[str, str], first: Sequence[Path] = ()) -> dict[str, str]:
    """Return what the engine's environment holds beside the machine's; ``first`` leads on PATH."""
    places = [*map(str, first), *map(str, path()), os.environ.get("PATH", "/usr/bin:/bin")]
    return {"PATH": ":".join(places), "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_HOME": str(home()), **more}
