"""What ``make up`` is made of: the ordered steps for this machine's own cluster, or for another one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from images.table import IMAGES, reference
from local import cluster, debian, engine, images, modules, origin, stack, venv
from local.paths import ROOT, state
from local.shell import StepError
from local.stack import Site
from local.steps import Step, never


def steps(site: Site, *, browser: bool = False) -> list[Step]:
    """Return the steps; with a context, the cluster is the user's and images come from a registry."""
    packages = programs(site, browser=browser)
    local = [] if site.context else [
        Step("Kubernetes programs", lambda: all(map(modules.is_built, cluster.MODULES)), _build_kubernetes),
        Step("Kubernetes on this machine", cluster.is_up, cluster.up),
    ]  # fmt: skip
    return [
        Step("Debian packages", lambda: not debian.missing(packages), lambda: debian.install(packages)),
        Step("Python environment", venv.is_made, lambda: _ignore(venv.make())),
        Step("Pulumi engine and plugins", engine.ready, engine.get),
        *local,
        Step(f"stack {stack.STACK}", lambda: stack.exists(site), lambda: stack.make(site)),
        Step("container images", lambda: images_ready(site), lambda: provide_images(site)),
        *([] if site.context else [Step("origin of the samples", origin.is_up, origin.up)]),
        Step("facility (pulumi up)", never, lambda: bring_up(site)),
    ]


def programs(site: Site, *, browser: bool = False) -> Mapping[str, str]:
    """Return the programs that the steps need, each with its Debian package."""
    needed: dict[str, str] = {}
    if not site.context:
        needed |= debian.ENGINE | debian.CLUSTER
    if not site.context or site.registry:
        needed |= debian.IMAGES
    return needed | (debian.E2E if browser else {})


def _ignore(_value: object) -> None:
    """Turn a function with a result into an action."""


def _build_kubernetes() -> None:
    modules.build_all(cluster.MODULES)


def images_ready(site: Site) -> bool:
    """Tell whether the cluster has every image; what a registry has is not known without asking."""
    if site.context:
        return False
    there = set((cluster.ctr("images", "ls", "--quiet") or "").split())
    return all(reference(images.REGISTRY, name) in there for name in IMAGES)


def provide_images(site: Site) -> None:
    """Build the images and load them into this machine's cluster, or push them to the registry."""
    if site.context and not site.registry:
        check_registry(stack.setting(site, "images.registry"))
        return
    where = ["push", "--registry", site.registry] if site.registry else ["load"]
    command = [sys.executable, "-u", "-m", "local.images", *where]
    # Its own lines go to the terminal: a first build takes long, and each image is told of.
    if subprocess.run(command, stdin=subprocess.DEVNULL, cwd=ROOT).returncode:
        raise StepError("the images could not be made; the lines above say which, and where its log is")


def bring_up(site: Site) -> None:
    """Run the engine, with images of the files as they are now: somebody may be editing them."""
    if not site.context and not images_ready(site):
        provide_images(site)
    stack.up(site)
    if not site.context:
        cluster.settle()


def check_registry(registry: str | None) -> None:
    """Raise StepError where a cluster of the user's would look for images on its own nodes."""
    if not registry or registry.startswith("localhost/"):
        raise StepError(
            "a cluster of your own pulls images from a registry, and none is named.\n"
            "To do: make up CONTEXT=... REGISTRY=registry.example.org/coffea-casa (builds and pushes them),\n"
            "or set coffea-casa:images.registry to where they are."
        )


def told(site: Site) -> str:
    """Return what to say when the facility is up."""
    context = f" CONTEXT={site.context}" if site.context else ""
    kubectl = modules.directory("kubernetes") / "kubectl"
    look = (
        ""
        if site.context
        else f"To look inside:     {kubectl} --kubeconfig {state()}/kubeconfig get pods -A\n"
    )
    return (
        f"\nThe facility is up: {stack.output(site, 'url')}\n"
        f"User name:          {_first_user(site)}\n"
        f"Password:           make password{context}\n"
        f"{look}"
    )


def _first_user(site: Site) -> str:
    try:
        return stack.output(site, "firstUser")
    except StepError:
        return "one that the OIDC issuer knows and the settings let in"
