"""The one-machine environment's commands; the Makefile calls them.

python3 -m local up|down|clean|status|password|e2e|guides|bench [--context NAME] [--registry R]
python3 -m local pulumi -- ARGUMENTS      any engine command on the local stack
python3 -m local shell [-- COMMAND]       with pulumi, kubectl and the local stack
python3 -m local check|health STACK       look at a site before an `up`, or after
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (this is what says so)
    sys.exit("error: Python 3.11 or newer is needed")

from local import cluster, facility, modules, stack, venv
from local.paths import ROOT, cache, private_directory, state
from local.shell import StepError, run
from local.stack import Site
from local.steps import follow

OVERRIDES = ROOT / "tests" / "e2e" / "overrides.yaml"


def main() -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m local", description="The facility on one machine.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--context", default=os.environ.get("CONTEXT") or None, help="of your own kubeconfig")
    parser.add_argument("--registry", default=os.environ.get("REGISTRY") or None, help="where images go to")
    parser.add_argument("arguments", nargs="*", help="of the engine; the stack to check")
    given = parser.parse_args()
    site = Site(given.context, given.registry)
    try:
        if given.command == "pulumi":
            return stack.pulumi(site, given.arguments)
        if given.command == "shell":
            return stack.shell(site, given.arguments)
        if given.command in LOOKS:
            return look(site, given.command, *given.arguments)
        return COMMANDS[given.command](site)
    except StepError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


@contextmanager
def alone() -> Generator[None, None, None]:
    """Let one command at a time change things."""
    with (private_directory(state()) / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another command of this environment to end ...", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def root_only(site: Site) -> None:
    """Raise StepError where this machine cannot run the cluster."""
    if sys.platform != "linux":
        raise StepError(
            "the one-machine cluster needs Linux; with `make up CONTEXT=name` any machine will do"
        )
    if os.geteuid() != 0 and not site.context:
        raise StepError("the one-machine cluster needs root: run the same command as root")


def up(site: Site) -> int:
    """Bring the facility up."""
    return _up(site, browser=False)


def _up(site: Site, *, browser: bool) -> int:
    root_only(site)
    with alone():
        if not follow(facility.steps(site, browser=browser), lambda text: print(text, flush=True)):
            return 1
    print(facility.told(site))
    return 0


def down(site: Site) -> int:
    """Stop the cluster; data stays."""
    root_only(site)
    with alone():
        cluster.stop()
    print(
        "The cluster is stopped and this machine's network is as it was found; `make up` goes on from here."
    )
    return 0


def clean(site: Site) -> int:
    """Remove the cluster, its data and its traces; downloads and builds stay."""
    root_only(site)
    with alone():
        cluster.remove()
        for place in reversed(cluster.mounts_under([cache()], Path("/proc/mounts").read_text())):
            run(f"unmounting {place}", ["umount", place], Path("/dev/null"))
    print(f"Everything is removed but downloads and builds in {cache()}; `make clean-cache` removes those.")
    return 0


def clean_cache(site: Site) -> int:
    """Remove everything, downloads and builds too."""
    clean(site)
    # Go keeps its downloads read-only.
    run("removing the cache", ["chmod", "-R", "u+w", cache()], Path("/dev/null"))
    shutil.rmtree(cache())
    return 0


def status(site: Site) -> int:
    """Tell whether the cluster runs, and what in it is not well."""
    if not cluster.running():
        print("The cluster is not running; `make up` starts it.")
        return 1
    pods = cluster.kubectl("get", "pods", "--all-namespaces", "--output=wide")
    print(pods or "The cluster runs, but its API server does not answer.")
    if stack.exists(site):
        print(facility.told(site))
    return 0 if pods else 1


def password(site: Site) -> int:
    """Print the first user's generated password."""
    print(stack.output(site, "firstPassword"))
    return 0


def e2e(site: Site) -> int:
    """Bring the facility up with the users that the tests need, and run the end-to-end tests."""
    os.environ["COFFEA_CASA_OVERRIDES"] = str(OVERRIDES)
    failed = _up(site, browser=True)
    if failed:
        return failed
    # The engine's tests of policy and previews want an environment without a facility: `make engine`.
    tests = ROOT / "tests"
    folders = [tests / "e2e", *(tests / "engine" / name for name in ("plugins", "router", "network"))]
    return _python(site, "pytest", "--durations=30", *map(str, folders))


def guides(site: Site) -> int:
    """Type what the guides have."""
    os.environ["COFFEA_CASA_OVERRIDES"] = str(OVERRIDES)
    files = [str(ROOT / "tests" / "e2e" / f"guide_{name}.py") for name in ("physicist", "site", "restore")]
    return _up(site, browser=True) or _python(site, "pytest", *files)


def bench(site: Site) -> int:
    """Measure the facility with the users of the end-to-end tests; each measurement prints its table."""
    os.environ["COFFEA_CASA_OVERRIDES"] = str(OVERRIDES)
    names = ("start_times", "minting", "hub_loop", "spawns", "cache", "pool")
    return _up(site, browser=True) or max(_python(site, f"bench.{name}") for name in names)


def look(site: Site, module: str, name: str = stack.STACK) -> int:
    """Run a program that looks at a stack: this environment's own where it has it, else the operator's."""
    if name != stack.STACK or not stack.exists(site):
        # Its file is the checkout's; cluster, engine and backend are those of whoever calls.
        command = [venv.directory() / "bin" / "python", "-m", module, name]
        return subprocess.run(command, cwd=ROOT).returncode
    kubectl = "kubectl" if site.context else str(modules.directory("kubernetes") / "kubectl")
    where = [f"--directory={stack.write_settings(site)}", f"--kubectl={kubectl}"]
    return _python(site, module, name, *where)


def _python(site: Site, module: str, *arguments: str) -> int:
    environment = {**os.environ, **stack.environment(site)}
    command = [venv.directory() / "bin" / "python", "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


COMMANDS = {
    "up": up,
    "down": down,
    "clean": clean,
    "clean-cache": clean_cache,
    "status": status,
    "password": password,
    "e2e": e2e,
    "bench": bench,
    "guides": guides,
    "pulumi": up,
    "shell": up,
    "check": up,
    "health": up,
}
LOOKS = ("check", "health")

if __name__ == "__main__":
    sys.exit(main())
