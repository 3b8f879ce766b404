"""What the operator of a facility must provide before, or with, its first `up`; and the command for each."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from settings import Problem, Settings
from settings.errors import PROJECT
from settings.rules import LOCALHOSTS

WHEN = "(while the first `up`, which makes the namespace, waits for it)"
"""When Secrets are made: pods wait for those that come later."""
LEVELS = "-authz READ -authz ADVERTISE_MASTER -authz ADVERTISE_SCHEDD"
"""What a site's token must be for, and nothing else (images/condor/bin/condor-site-token)."""


@dataclass(frozen=True)
class Need:
    """One thing that no program can make up."""

    what: str
    commands: tuple[str, ...] = ()


def needs(settings: Settings, stack: str, unwritten: Iterable[Problem] = ()) -> list[Need]:
    """Return what is needed, in the order of doing it; ``unwritten`` are placeholders left in the file."""
    return [
        Need("The stack, in the backend of your choice:", (f"pulumi stack init {stack}",)),
        *_values(stack, unwritten),
        *_identity(settings, stack),
        *_images(settings),
        *_names(settings),
        *_secrets(settings),
        *_site_pool(settings),
        *_remote_pool(settings),
        *_volumes(settings),
        *_places(settings),
        *_rights(settings),
    ]


def told(listed: Iterable[Need]) -> str:
    """Return the list for people to read."""
    lines: list[str] = []
    for number, need in enumerate(listed, 1):
        lines += [f"{number:2}. {need.what}", *(f"      {command}" for command in need.commands)]
    return "\n".join(lines)


def _values(stack: str, unwritten: Iterable[Problem]) -> Iterator[Need]:
    commands = tuple(
        f"pulumi config set --stack {stack} --path {shlex.quote(f'{PROJECT}:{problem.key}')} VALUE"
        for problem in unwritten
    )
    if commands:
        yield Need("Values that are placeholders yet, which are refused:", commands)


def _identity(settings: Settings, stack: str) -> Iterator[Need]:
    if settings.identity.issuer is None:
        return
    scopes = " ".join(settings.identity.scopes)
    yield Need(
        f"An OIDC client at {settings.identity.issuer} with the redirect URI "
        f"{settings.public.url}/hub/oauth_callback and the scopes {scopes}; its secret:",
        (f"pulumi config set --stack {stack} --secret {PROJECT}:clientSecret",),
    )


def _images(settings: Settings) -> Iterator[Need]:
    registry = settings.images.registry
    if not registry.startswith("localhost/"):
        yield Need(
            f"The images in {registry}, which the cluster can pull from:",
            (f"make images REGISTRY={registry}",),
        )


def _names(settings: Settings) -> Iterator[Need]:
    host = urlsplit(settings.public.url).hostname or ""
    if host in LOCALHOSTS or _is_address(host):
        return
    kubectl = f"kubectl --namespace {settings.namespace} get service"
    ingress = settings.public.ingress
    where = {
        "ClusterIP": "whatever is in front, which sends all requests on to the Service proxy-public",
        "NodePort": "the nodes",
        "LoadBalancer": "the external address of the Service",
    }
    if ingress is not None:
        yield Need(
            f"An ingress controller, and the DNS name {host}, for its address:",
            ("kubectl get ingressclass", f"kubectl --namespace {settings.namespace} get ingress proxy"),
        )
    else:
        yield Need(
            f"The DNS name {host}, for {where[settings.public.service]}:", (f"{kubectl} proxy-public",)
        )
    router = settings.dask_router
    if router is not None:
        yield Need(
            f"The DNS wildcard *.dask.{host}, for what sends port {router.port} on, TLS unopened, "
            "to the Service:",
            (f"{kubectl} dask-router-public",),
        )


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _secrets(settings: Settings) -> Iterator[Need]:
    create = f"kubectl --namespace {settings.namespace} create secret"
    if settings.public.tls_secret is not None:
        yield Need(
            f"The certificate of {settings.public.url} {WHEN}:",
            (f"{create} tls {settings.public.tls_secret} --cert=tls.crt --key=tls.key",),
        )
    ingress = settings.public.ingress
    if ingress is not None and ingress.tls_secret is not None:
        if ingress.asks_for_certificate:
            yield Need(
                "cert-manager, which the Ingress asks for its certificate:", ("kubectl get issuers -A",)
            )
        else:
            yield Need(
                f"The certificate of {settings.public.url} {WHEN}:",
                (f"{create} tls {ingress.tls_secret} --cert=tls.crt --key=tls.key",),
            )
    if settings.images.pull_secret is not None:
        server = settings.images.registry.split("/")[0]
        yield Need(
            f"The log-in to the registry {WHEN}:",
            (
                f"{create} docker-registry {settings.images.pull_secret} --docker-server={server} "
                "--docker-username=NAME --docker-password=PASSWORD",
            ),
        )
    cache = settings.xcache
    if cache is not None and cache.upstream_secret is not None:
        files = {"token": "token=FILE", "x509": "tls.crt=FILE --from-file=tls.key=FILE"}
        yield Need(
            f"The cache's own login to {cache.origin} {WHEN}:",
            (f"{create} generic {cache.upstream_secret} --from-file={files[cache.upstream]}",),
        )


def _site_pool(settings: Settings) -> Iterator[Need]:
    pool = settings.pool
    if pool is None or pool.site is None:
        return
    site, kubectl = pool.site, f"kubectl --namespace {settings.namespace}"
    yield Need(
        f"A token of the site's for this access point, made where {site.collector} is, and put here {WHEN}:",
        (
            f"condor_token_create -identity NAME@{site.trust_domain} {LEVELS} > FILE",
            f"{kubectl} create secret generic {site.token_secret} --from-file=token=FILE",
        ),
    )
    first, last = site.worker_ports
    yield Need(
        f"Ways to the site and back: from its machines to {site.address}:{site.port}, which leads to the "
        f"Service, and from this cluster to ports {first} to {last} of its nodes:",
        (f"{kubectl} get service condor-schedd-public",),
    )
    if site.image is not None:
        yield Need(f"This release's execute image as {site.image}, which the site's machines can pull.")


def _remote_pool(settings: Settings) -> Iterator[Need]:
    pool = settings.pool
    if pool is None or pool.remote is None:
        return
    remote, create = pool.remote, f"kubectl --namespace {settings.namespace} create"
    if remote.tokens == "secrets":
        yield Need(
            "An IDTOKEN of the site's for each user, LABEL being the user's label:",
            (f"{create} secret generic {remote.secret}-LABEL --from-file=token=FILE",),
        )
    else:
        yield Need(
            f"The site takes SciTokens of {settings.public.url}/hub/issuer for {remote.audience}:",
            (f"curl {settings.public.url}/hub/issuer/.well-known/openid-configuration",),
        )
    if remote.ca_config_map is not None:
        yield Need(
            f"The CA of the site's access point, put here {WHEN}:",
            (f"{create} configmap {remote.ca_config_map} --from-file=ca.pem=FILE",),
        )
    first, last = remote.worker_ports
    yield Need(
        f"Ways from this cluster to {remote.collector} and to ports {first} to {last} of the site's nodes."
    )


def _volumes(settings: Settings) -> Iterator[Need]:
    named = settings.kubernetes.storage_class
    cache = settings.xcache
    caches = f", {cache.replicas} of {cache.size} for caches" if cache is not None else ""
    source = f"the StorageClass {named}" if named else "the default StorageClass"
    yield Need(
        f"Volumes of {source}: {settings.hub.database_size} for the hub, "
        f"{settings.session.home_size} for each user's home{caches}; is it there?",
        (f"kubectl get storageclass {named or ''}".rstrip(),),
    )


def _places(settings: Settings) -> Iterator[Need]:
    for volume in settings.session.volumes:
        mode = "ReadOnlyMany" if volume.read_only else "ReadWriteMany"
        yield Need(
            f"A claim {volume.claim} ({mode}) for {volume.mount_path}, which sessions wait for:",
            (f"kubectl --namespace {settings.namespace} get pvc {volume.claim}",),
        )


def _rights(settings: Settings) -> Iterator[Need]:
    kinds = ["namespaces", *(["customresourcedefinitions"] if settings.dask_gateway.install_crd else [])]
    yield Need("The right to make:", tuple(f"kubectl auth can-i create {kind}" for kind in kinds))
