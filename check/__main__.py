"""Looks at everything that can be looked at before an `up`.

    python -m check STACK [--directory PROJECT] [--kubectl PROGRAM]

Prints one line a check: its name, ok, FAILED or not applicable, and what to do. The exit
status is 1 where a check failed, 2 where there is nothing to check. KUBECONFIG and the
stack's own coffea-casa:kubernetes.context say which cluster. Nothing is changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from check import cluster, issuers, names, origin, pool, registry
from check.finding import Finding, failed, not_applicable, ok
from check.kubectl import Kubectl, KubectlError
from settings import Settings, examine
from tools.recording import ROOT
from tools.stackfiles import settings_of

Check = Callable[[Settings, Kubectl], Finding]


def _rights(settings: Settings, kubectl: Kubectl) -> Finding:
    kinds = ["namespaces", *(["customresourcedefinitions"] if settings.dask_gateway.install_crd else [])]
    return cluster.rights({kind: kubectl.may_create(kind) for kind in kinds})


IN_CLUSTER: Sequence[tuple[str, Check]] = (
    ("rights", _rights),
    ("storage class", lambda s, k: cluster.storage_class(s, k.objects("storageclasses"))),
    ("node sizes", lambda s, k: cluster.capacity(s, k.objects("nodes"))),
    ("quota", lambda s, k: cluster.quota(s, k.objects("resourcequotas", f"--namespace={s.namespace}"))),
    ("ingress class", lambda s, k: cluster.ingress_class(s, k.objects("ingressclasses"))),
    ("volumes", lambda s, k: cluster.volumes(s, k.claims(s.namespace))),
    ("Secrets", lambda s, k: cluster.secrets(s, k.secret_keys(s.namespace))),
)
OUTSIDE: Sequence[Check] = (
    lambda s, _: names.public_host(s),
    lambda s, _: names.wildcard(s),
    lambda s, _: issuers.log_in(s),
    lambda s, _: issuers.data_tokens(s),
    lambda s, k: origin.answers(s, k.words),
    lambda s, k: pool.answers(s, k, pool.program()),
    lambda s, _: registry.pullable(s),
)


def findings(stack: str, text: str, program: str) -> Iterator[Finding]:
    """Yield what is found, as it is found; of settings that are wrong nothing else can be told."""
    raw, secrets = settings_of(text)
    settings, problems = examine(raw, stack=stack, secrets=secrets)
    for problem in problems:
        yield failed("settings", f"{problem.key}: {problem.wrong}", problem.advice)
    if problems or settings is None:
        return
    yield ok("settings", f"Pulumi.{stack}.yaml is right in itself")
    kubectl = Kubectl(program, settings.kubernetes.context)
    yield from _in_cluster(settings, kubectl)
    for check in OUTSIDE:
        yield check(settings, kubectl)


def _in_cluster(settings: Settings, kubectl: Kubectl) -> Iterator[Finding]:
    try:
        yield cluster.version(kubectl.version())
    except (KubectlError, KeyError) as error:
        remedy = "see that `kubectl get nodes` works with coffea-casa:kubernetes.context and KUBECONFIG"
        yield failed("cluster", f"it does not answer: {error}", remedy)
        for name, _ in IN_CLUSTER:
            yield not_applicable(name, "the cluster does not answer")
        return
    for name, check in IN_CLUSTER:
        try:
            yield check(settings, kubectl)
        except KubectlError as error:
            # Who has a namespace only may not look at nodes and classes, and needs not.
            yield not_applicable(name, f"you may not look: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one stack."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m check", description=summary)
    parser.add_argument("stack", help="a name for which there is a Pulumi.NAME.yaml")
    parser.add_argument("--directory", type=Path, default=ROOT, help="where that file is")
    parser.add_argument("--kubectl", default="kubectl", help="the program")
    given = parser.parse_args(arguments)
    file: Path = given.directory / f"Pulumi.{given.stack}.yaml"
    if not file.is_file():
        print(f"check: there is no {file.name}; python -m tools.new_stack writes one", file=sys.stderr)
        return 2
    failures = 0
    for finding in findings(given.stack, file.read_text(), given.kubectl):
        print(finding, flush=True)
        failures += finding.verdict == "FAILED"
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
