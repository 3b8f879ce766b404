"""What the types cannot say: ranges, formats, and settings that contradict each other.

Each rule is a small function from settings to problems; ``check`` runs them all.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import SplitResult, urlsplit

from images.table import IMAGES
from settings.errors import Problem
from settings.model import (
    Balancer,
    Ingress,
    OutsidePool,
    Pool,
    Profile,
    Settings,
    TokenIssuer,
    Volume,
    WorkerSize,
    XCache,
)
from settings.quantity import bytes_of

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123, section 2.1: what Kubernetes wants of a namespace's name."""
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
IMAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
"""The reference grammar of the OCI distribution project, but for what would be allowed and never is seen."""
HOST = re.compile(r"(?![0-9.]+$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
"""A host's name, in lower case, and no address: RFC 1123, section 2.1."""
ORIGIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
PREFIX = re.compile(r"(/[A-Za-z0-9_.+-]+)+")
SCOPE = re.compile(r"storage\.(read|create|modify|stage):(/|(/([A-Za-z0-9_.+-]|\{slug\})+)+)")
"""WLCG Common JWT Profiles 1.0, "Capability-based authorization", with paths that need no escape."""
AUDIENCE = re.compile(
    r"[a-z][a-z0-9+.-]*://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9_./-]*)?"
)
ISSUER = re.compile(r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9_.~/-]*)?")
"""OpenID Connect Discovery 1.0, section 2: https, no query and no fragment."""
ADDRESS = re.compile(r"[0-9.]+")
SCHEDD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9@._-]*[A-Za-z0-9])?")
ANYBODY = ("https://wlcg.cern.ch/jwt/v1/any", "any")
"""Audiences, in lower case, that every verifier takes: of the WLCG profile, and of SciTokens 2.0."""
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ANNOTATION = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
"""Kubernetes, "Labels and Selectors": syntax of keys, which annotations share."""
TAKEN = frozenset(
    ("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "opt")
    + ("proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var")
)
"""Directories below / with the image's programs, users' homes, credentials and what the kernel shows
(Filesystem Hierarchy Standard 3.0, chapter 3): a volume there would hide some of it, or be hidden."""
OWN_CLAIM = re.compile(r"hub-db|home-.*|(queue-condor-schedd|cache-xcache)-[0-9]+")
"""Claims of the facility's own: the hub's database, users' homes, volumes of StatefulSets."""
PLACEHOLDER = re.compile(
    r"(change|replace|fill)[-_ ]?me|\b(todo|fixme|xxx+)\b|<[a-z][-a-z0-9_. ]*>|\$\{[^}]*\}", re.IGNORECASE
)
"""What people leave in a file for others to fill in, also inside of a value: https://<host>."""
LOCALHOSTS = ("localhost", "127.0.0.1", "::1")
NODE_PORTS = range(30000, 32768)
"""Kubernetes' default range (kube-apiserver --service-node-port-range)."""

Problems = Iterator[Problem]


def check(settings: Settings, raw: Mapping[str, object], *, has_secret: bool) -> list[Problem]:
    """Return every problem of well-typed settings; ``raw`` tells what was written and what is default."""
    return [
        *namespace(settings),
        *images(settings),
        *public(settings),
        *identity(settings, raw, has_secret=has_secret),
        *access(settings, raw),
        *hub(settings),
        *session(settings),
        *dask_gateway(settings),
        *dask_router(settings),
        *credentials(settings),
        *xcache(settings),
        *pool(settings),
        *health(settings),
        *network(settings),
    ]


def placeholders(raw: object, key: str = "") -> list[Problem]:
    """Return a problem for every text that was left to be filled in."""
    if isinstance(raw, Mapping):
        data = cast(Mapping[str, object], raw)
        found = [placeholders(value, f"{key}.{name}" if key else name) for name, value in data.items()]
        return [problem for problems in found for problem in problems]
    if isinstance(raw, list):
        items = cast(list[object], raw)
        found = [placeholders(item, f"{key}[{i}]") for i, item in enumerate(items)]
        return [problem for problems in found for problem in problems]
    if isinstance(raw, str) and PLACEHOLDER.search(raw):
        return [Problem(key, f"{raw!r} is a placeholder", "write the site's own value")]
    return []


def namespace(settings: Settings) -> Problems:
    if not DNS_LABEL.fullmatch(settings.namespace):
        yield Problem(
            "namespace",
            f"{settings.namespace!r} is no name for a namespace",
            "write at most 63 lower-case letters, digits and hyphens",
        )
    kubernetes = settings.kubernetes
    if not OBJECT_NAME.fullmatch(kubernetes.dns_domain):
        yield Problem(
            "kubernetes.dnsDomain", f"{kubernetes.dns_domain!r} is no DNS domain", "write cluster.local"
        )
    if kubernetes.storage_class is not None and not OBJECT_NAME.fullmatch(kubernetes.storage_class):
        yield Problem(
            "kubernetes.storageClass",
            f"{kubernetes.storage_class!r} is no name of a StorageClass",
            "write one of `kubectl get storageclass`, or leave it out for the default",
        )


def image_problem(key: str, reference: str) -> Problems:
    """An image must be named so that it cannot change behind our back."""
    last = reference.rsplit("/", 1)[-1]
    if not IMAGE.fullmatch(reference):
        yield Problem(
            key, f"{reference!r} is no image reference", "write REGISTRY/NAME:TAG, without a scheme"
        )
    elif "@" not in reference and ":" not in last:
        yield Problem(key, f"{reference!r} has no tag", "write REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:...")
    elif last.split("@")[0].endswith(":latest"):
        yield Problem(key, f"{reference!r} may change at any time", "write a fixed tag or a digest")


def images(settings: Settings) -> Problems:
    registry = settings.images.registry
    if "://" in registry or registry.endswith("/") or not IMAGE.fullmatch(registry):
        yield Problem(
            "images.registry",
            f"{registry!r} is no registry path",
            "write HOST/PATH without scheme and trailing slash",
        )
    for name, reference in settings.images.overrides.items():
        if name not in IMAGES:
            yield Problem(
                f"images.overrides.{name}", "is no image of ours", f"the images are {', '.join(IMAGES)}"
            )
        yield from image_problem(f"images.overrides.{name}", reference)
    secret = settings.images.pull_secret
    if secret is not None and not OBJECT_NAME.fullmatch(secret):
        yield Problem("images.pullSecret", f"{secret!r} is no name of a Secret", "write the Secret's name")


def parts(url: str) -> SplitResult:
    """Return the parts of an address; of one that cannot be taken apart, empty ones."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def public(settings: Settings) -> Problems:
    value = settings.public
    url = parts(value.url)
    local = url.hostname in LOCALHOSTS
    if url.scheme not in ("http", "https") or not url.hostname or url.path or url.query or url.fragment:
        yield Problem(
            "public.url", f"{value.url!r} is no address", "write https://HOST or https://HOST:PORT, no path"
        )
    elif url.scheme == "http" and not local:
        yield Problem("public.url", f"{value.url!r} is public but not TLS", f"write https://{url.netloc}")
    elif url.scheme == "http" and value.tls != "external":
        yield Problem(
            "public.tls",
            f"{value.tls!r} contradicts public.url {value.url!r}",
            "write https in public.url, or tls: external",
        )
    if value.tls == "secret" and value.tls_secret is None:
        yield Problem("public.tlsSecret", "is missing with tls: secret", "write the Secret's name")
    if value.tls != "secret" and value.tls_secret is not None:
        yield Problem(
            "public.tlsSecret",
            f"{value.tls_secret!r} is unused with tls: {value.tls}",
            "write tls: secret, or leave tlsSecret out",
        )
    if value.node_port is not None and value.service != "NodePort":
        yield Problem(
            "public.nodePort",
            f"{value.node_port} is unused with service: {value.service}",
            "write service: NodePort, or leave nodePort out",
        )
    elif value.node_port is not None and value.node_port not in NODE_PORTS:
        yield Problem(
            "public.nodePort", f"{value.node_port} is no node port", "write a number from 30000 to 32767"
        )
    yield from _balancer("public", value.service, value.load_balancer)
    if value.ingress is not None:
        yield from _ingress(settings, value.ingress)


def _balancer(section: str, service: str, value: Balancer | None) -> Problems:
    if value is None:
        return
    key = f"{section}.loadBalancer"
    if service != "LoadBalancer":
        yield Problem(
            key, f"is unused with service: {service}", "write service: LoadBalancer, or leave it out"
        )
    if value.class_name is not None and not ANNOTATION.fullmatch(value.class_name):
        # Kubernetes, Service: a load balancer's class is written as the key of a label is.
        yield Problem(f"{key}.className", f"{value.class_name!r} is no class", "write NAME or DOMAIN/NAME")
    yield from _annotations(f"{key}.annotations", value.annotations)


def _annotations(key: str, annotations: Mapping[str, str]) -> Problems:
    for name in annotations:
        if not ANNOTATION.fullmatch(str(name)):
            yield Problem(f"{key}.{name}", "is no key of an annotation", "write NAME or DOMAIN/NAME")


def _ingress(settings: Settings, value: Ingress) -> Problems:
    public, key = settings.public, "public.ingress"
    url = parts(public.url)
    if public.tls != "external" or public.service != "ClusterIP":
        yield Problem(
            key,
            f"contradicts tls: {public.tls} and service: {public.service}",
            "write tls: external and service: ClusterIP, or leave ingress out",
        )
    if url.scheme != "https" or not HOST.fullmatch(url.hostname or ""):
        yield Problem(
            key,
            f"is for https and the name of a host, which public.url {public.url!r} is not",
            "write https://HOST there",
        )
    for name, told, pattern in (
        ("className", value.class_name, OBJECT_NAME),
        ("tlsSecret", value.tls_secret, OBJECT_NAME),
        ("controllerNamespace", value.controller_namespace, DNS_LABEL),
    ):
        if told is not None and not pattern.fullmatch(told):
            yield Problem(f"{key}.{name}", f"{told!r} is no name", "write it as `kubectl get` shows it")
    if value.asks_for_certificate and value.tls_secret is None:
        yield Problem(
            f"{key}.tlsSecret",
            "is missing with an annotation of cert-manager's",
            "write the name of the Secret that it is to keep the certificate in",
        )
    yield from _annotations(f"{key}.annotations", value.annotations)


def _given(raw: Mapping[str, object], section: str, key: str) -> bool:
    data = raw.get(section)
    return isinstance(data, Mapping) and key in data


def identity(settings: Settings, raw: Mapping[str, object], *, has_secret: bool) -> Problems:
    value = settings.identity
    if value.issuer is None:
        if value.client_id is not None:
            yield Problem(
                "identity.clientId",
                f"{value.client_id!r} is of no issuer",
                "write identity.issuer as well, or leave clientId out",
            )
        if has_secret:
            yield Problem(
                "clientSecret",
                "is set but there is no issuer",
                "write identity.issuer, or run `pulumi config rm coffea-casa:clientSecret`",
            )
        yield from _own_users(value.users)
    else:
        url = parts(value.issuer)
        if url.scheme != "https" or not url.hostname:
            yield Problem(
                "identity.issuer", f"{value.issuer!r} is no https address", "write https://HOST[/PATH]"
            )
        if value.client_id is None:
            yield Problem(
                "identity.clientId", "is missing with an issuer", "write the client's name at the issuer"
            )
        if not has_secret:
            yield Problem(
                "clientSecret",
                "is missing with an issuer",
                "run `pulumi config set --secret coffea-casa:clientSecret`",
            )
        if _given(raw, "identity", "users"):
            yield Problem(
                "identity.users",
                "are users of the facility's own Dex, which an issuer replaces",
                "leave users out and say who may log in with coffea-casa:access",
            )
    if "openid" not in value.scopes:
        yield Problem(
            "identity.scopes", f"{list(value.scopes)!r} lack openid", "write openid as one of the scopes"
        )


def _own_users(users: tuple[str, ...]) -> Problems:
    if not users:
        yield Problem("identity.users", "is empty", "write at least one e-mail address")
    for index, user in enumerate(users):
        if not EMAIL.fullmatch(user):
            yield Problem(f"identity.users[{index}]", f"{user!r} is no e-mail address", "write NAME@HOST")
    # JupyterHub lowers user names, so two that differ by case alone would be one person.
    for user, count in Counter(user.lower() for user in users).items():
        if count > 1:
            yield Problem("identity.users", f"{user!r} is there {count} times", "write each user once")


def access(settings: Settings, raw: Mapping[str, object]) -> Problems:
    value, issuer = settings.access, settings.identity.issuer
    if value.everyone and (value.users or value.groups):
        yield Problem(
            "access.everyone",
            "contradicts access.users and access.groups",
            "write either everyone: true or who may log in",
        )
    groups = {"groups": value.groups, "adminGroups": value.admin_groups}
    for name, listed in groups.items():
        if listed and settings.identity.groups_claim is None:
            yield Problem(
                f"access.{name}",
                f"{list(listed)!r} need to know a user's groups",
                "write identity.groupsClaim, the claim that lists them",
            )
    allowed = (value.users, value.groups, value.admins, value.admin_groups)
    if issuer is not None and not value.everyone and not any(allowed):
        yield Problem("access", "lets nobody in", "write access.users, access.groups or everyone: true")


def _between(key: str, value: int | float, low: int | float, high: int | float, unit: str) -> Problems:
    if not low <= value <= high:
        yield Problem(key, f"{value} is out of range", f"write {low} to {high} {unit}".rstrip())


def _quantity(key: str, value: str) -> Problems:
    try:
        bytes_of(value)
    except ValueError:
        yield Problem(key, f"{value!r} is no size", "write a whole number with Mi or Gi, such as 2Gi")


def hub(settings: Settings) -> Problems:
    value = settings.hub
    yield from _between("hub.concurrentSpawns", value.concurrent_spawns, 1, 256, "servers")
    yield from _between("hub.idleTimeout", value.idle_timeout, 60, 604800, "seconds")
    if value.max_age != 0:
        yield from _between("hub.maxAge", value.max_age, 60, 31536000, "seconds, or 0 for never")
        if 0 < value.max_age < value.idle_timeout:
            yield Problem(
                "hub.maxAge",
                f"{value.max_age} is less than hub.idleTimeout {value.idle_timeout}",
                "write more, or 0 for never",
            )
    yield from _quantity("hub.databaseSize", value.database_size)


def _at_most(key: str, request: float | int, limit: float | int, written: str, limit_key: str) -> Problems:
    if request > limit:
        yield Problem(key, f"{written} is more than {limit_key}", f"write at most what {limit_key} says")


def _profile(key: str, profile: Profile) -> Problems:
    if not DNS_LABEL.fullmatch(profile.name):
        yield Problem(
            f"{key}.name", f"{profile.name!r} is no short name", "write lower-case letters, digits, hyphens"
        )
    yield from _between(f"{key}.cores", profile.cores, 0.1, 1024, "cores")
    yield from _between(f"{key}.coresRequest", profile.cores_request, 0.01, 1024, "cores")
    yield from _at_most(
        f"{key}.coresRequest",
        profile.cores_request,
        profile.cores,
        str(profile.cores_request),
        f"{key}.cores",
    )
    sizes = [
        *_quantity(f"{key}.memory", profile.memory),
        *_quantity(f"{key}.memoryRequest", profile.memory_request),
    ]
    yield from sizes
    if not sizes:
        yield from _at_most(
            f"{key}.memoryRequest",
            bytes_of(profile.memory_request),
            bytes_of(profile.memory),
            profile.memory_request,
            f"{key}.memory",
        )
    if profile.image is not None:
        yield from image_problem(f"{key}.image", profile.image)


def session(settings: Settings) -> Problems:
    value = settings.session
    if not value.profiles:
        yield Problem("session.profiles", "is empty", "write at least one profile")
    for index, profile in enumerate(value.profiles):
        yield from _profile(f"session.profiles[{index}]", profile)
    for name, count in Counter(profile.name for profile in value.profiles).items():
        if count > 1:
            yield Problem("session.profiles", f"{name!r} is there {count} times", "name each profile once")
    yield from _quantity("session.homeSize", value.home_size)
    yield from _between("session.startTimeout", value.start_timeout, 30, 3600, "seconds")
    yield from _volumes("session.volumes", value.volumes)


def _volumes(key: str, volumes: tuple[Volume, ...]) -> Problems:
    for index, volume in enumerate(volumes):
        yield from _volume(f"{key}[{index}]", volume)
        for other in volumes[:index]:
            first, second = sorted((volume.mount_path, other.mount_path))
            if _is_below(second, first):
                yield Problem(
                    f"{key}[{index}].mountPath",
                    f"{volume.mount_path!r} and {other.mount_path!r} are one inside of the other",
                    "write places side by side",
                )
            # The kubelet waits for ever for one claim's second volume (kubernetes/kubernetes, issue 28502).
            if volume.claim == other.claim:
                yield Problem(
                    f"{key}[{index}].claim",
                    f"{volume.claim!r} is the claim of {other.name}, too, and a pod can have it once",
                    "write one directory for it",
                )
    yield from _once(f"{key}", tuple(volume.name for volume in volumes))


def _volume(key: str, volume: Volume) -> Problems:
    if not DNS_LABEL.fullmatch(volume.name) or len(volume.name) > 40:
        yield Problem(
            f"{key}.name",
            f"{volume.name!r} is no short name",
            "write at most 40 lower-case letters, digits, hyphens",
        )
    if not OBJECT_NAME.fullmatch(volume.claim):
        yield Problem(
            f"{key}.claim", f"{volume.claim!r} is no name of a claim", "write one of `kubectl get pvc`"
        )
    elif OWN_CLAIM.fullmatch(volume.claim):
        yield Problem(
            f"{key}.claim",
            f"{volume.claim!r} is a volume of the facility's own, which users' code must not see",
            "write a claim that you made for users",
        )
    path = volume.mount_path
    if not PREFIX.fullmatch(path) or {".", ".."} & set(path.split("/")):
        yield Problem(
            f"{key}.mountPath",
            f"{path!r} is no place",
            "write /PATH, without slash at its end, such as /data",
        )
    elif path.split("/")[1] in TAKEN:
        yield Problem(
            f"{key}.mountPath",
            f"{path!r} is among programs, homes or credentials, which it would hide",
            "write another place below /, such as /data",
        )


def _worker(key: str, size: WorkerSize) -> Problems:
    yield from _between(f"{key}.cores", size.cores, 0.1, 1024, "cores")
    yield from _between(f"{key}.coresRequest", size.cores_request, 0.01, 1024, "cores")
    yield from _at_most(
        f"{key}.coresRequest", size.cores_request, size.cores, str(size.cores_request), f"{key}.cores"
    )
    yield from _quantity(f"{key}.memory", size.memory)


def dask_gateway(settings: Settings) -> Problems:
    value = settings.dask_gateway
    limits = value.limits
    yield from _between("daskGateway.idleTimeout", value.idle_timeout, 60, 604800, "seconds")
    yield from _between("daskGateway.limits.clusters", limits.clusters, 1, 1000, "clusters")
    sizes = [
        *_worker("daskGateway.scheduler", value.scheduler),
        *_worker("daskGateway.worker", value.worker),
        *_quantity("daskGateway.limits.memory", limits.memory),
    ]
    yield from sizes
    if sizes:
        return
    smallest = value.scheduler.cores + value.worker.cores
    if limits.cores < smallest:
        yield Problem(
            "daskGateway.limits.cores",
            f"{limits.cores} is less than a scheduler and a worker",
            f"write at least {smallest}",
        )
    least = bytes_of(value.scheduler.memory) + bytes_of(value.worker.memory)
    if bytes_of(limits.memory) < least:
        yield Problem(
            "daskGateway.limits.memory",
            f"{limits.memory!r} is less than a scheduler and a worker",
            f"write at least {-(-least // 2**20)}Mi",
        )


def _cidrs(key: str, cidrs: tuple[str, ...]) -> Problems:
    for index, cidr in enumerate(cidrs):
        try:
            ipaddress.ip_network(cidr)
        except ValueError:
            yield Problem(
                f"{key}[{index}]", f"{cidr!r} is no network", "write ADDRESS/BITS, such as 10.0.0.0/8"
            )


def _size_between(key: str, value: str, low: str, high: str) -> Problems:
    if wrong := list(_quantity(key, value)):
        yield from wrong
    elif not bytes_of(low) <= bytes_of(value) <= bytes_of(high):
        yield Problem(key, f"{value!r} is out of range", f"write {low} to {high}")


def dask_router(settings: Settings) -> Problems:
    value = settings.dask_router
    if value is None:
        return
    host = parts(settings.public.url).hostname or ""
    if not HOST.fullmatch(host):
        yield Problem(
            "daskRouter",
            f"finds sessions by names below {host!r}, which is no name of a host",
            "write a host name in public.url, or leave daskRouter out",
        )
    node = value.service == "NodePort"
    if node and value.port not in NODE_PORTS:
        yield Problem(
            "daskRouter.port",
            f"{value.port} is no node port",
            "write a number from 30000 to 32767, or another service",
        )
    elif not 1 <= value.port <= 65535:
        yield Problem("daskRouter.port", f"{value.port} is no port", "write a number from 1 to 65535")
    yield from _balancer("daskRouter", value.service, value.load_balancer)
    if node and value.port == settings.public.node_port:
        yield Problem("daskRouter.port", f"{value.port} is public.nodePort as well", "write another number")


def credentials(settings: Settings) -> Problems:
    value = settings.credentials
    lifetimes = [
        *_between("credentials.tokenLifetime", value.token_lifetime, 300, 86400, "seconds"),
        *_between("credentials.certificateLifetime", value.certificate_lifetime, 3600, 2592000, "seconds"),
    ]
    yield from lifetimes
    if not lifetimes and value.certificate_lifetime < value.token_lifetime:
        yield Problem(
            "credentials.certificateLifetime",
            f"{value.certificate_lifetime} is less than credentials.tokenLifetime {value.token_lifetime}",
            "write at least credentials.tokenLifetime",
        )
    if value.key_generation < 1:
        yield Problem("credentials.keyGeneration", f"{value.key_generation} is too small", "write 1 or more")
    if value.data_token == "identity" and "offline_access" not in settings.identity.scopes:
        yield Problem(
            "credentials.dataToken",
            "is identity, but log-ins without the scope offline_access have no token that can be renewed",
            "write offline_access as one of identity.scopes, or dataToken: facility",
        )
    yield from _scopes("credentials.dataScopes", value.data_scopes)
    yield from _audience("credentials.audience", value.audience)


def _scopes(key: str, scopes: tuple[str, ...]) -> Problems:
    if not scopes:
        yield Problem(key, "is empty", "write storage.read:/ or a path below it")
    for index, scope in enumerate(scopes):
        path = scope.partition(":")[2]
        if not SCOPE.fullmatch(scope) or {".", ".."} & set(path.split("/")):
            yield Problem(f"{key}[{index}]", f"{scope!r} is no scope", "write storage.read:/PATH")
    yield from _once(key, scopes)


def _audience(key: str, audience: tuple[str, ...]) -> Problems:
    for index, name in enumerate(audience):
        yield from _whom(f"{key}[{index}]", name)
    yield from _once(key, audience)


def _whom(key: str, name: str) -> Problems:
    if name.lower().rstrip("/") in ANYBODY:
        yield Problem(key, f"{name!r} is for every cache in the world", "write the caches' own names")
    elif not AUDIENCE.fullmatch(name):
        yield Problem(
            key, f"{name!r} is no address", "write https://HOST:PORT, as the cache's configuration has it"
        )


def _once(key: str, listed: tuple[str, ...]) -> Problems:
    for text, count in Counter(listed).items():
        if count > 1:
            yield Problem(key, f"{text!r} is there {count} times", "write it once")


def xcache(settings: Settings) -> Problems:
    value = settings.xcache
    if value is None:
        return
    if not ORIGIN.fullmatch(value.origin) or not 0 < int(value.origin.partition(":")[2] or 1094) < 65536:
        # No path either: prefix alone says what may be read, or the cache would be an open proxy.
        yield Problem(
            "xcache.origin", f"{value.origin!r} is no server", "write HOST or HOST:PORT, without root://"
        )
    if not PREFIX.fullmatch(value.prefix) or {".", ".."} & set(value.prefix.split("/")):
        yield Problem(
            "xcache.prefix",
            f"{value.prefix!r} is no path to limit readers to",
            "write one below the root, such as /eos/opendata, without slash at its end",
        )
    yield from _cidrs("xcache.originCidrs", value.origin_cidrs)
    # XRootD's own limits: Proxy Storage Services (Caching) Configuration Reference, pfc.ram, pfc.blocksize.
    yield from _size_between("xcache.size", value.size, "1Gi", "1048576Gi")
    yield from _size_between("xcache.memory", value.memory, "1Gi", "256Gi")
    block = list(_size_between("xcache.blockSize", value.block_size, "4Ki", "64Mi"))
    yield from block
    if not block and bytes_of(value.block_size) % 4096:
        yield Problem("xcache.blockSize", f"{value.block_size!r} is cut to 4Ki", "write a multiple of 4Ki")
    yield from _between("xcache.prefetch", value.prefetch, 0, 128, "blocks")
    yield from _between("xcache.highWatermark", value.high_watermark, 0.1, 0.95, "of the size")
    yield from _between("xcache.lowWatermark", value.low_watermark, 0.05, 0.95, "of the size")
    if value.low_watermark >= value.high_watermark:
        yield Problem(
            "xcache.lowWatermark",
            f"{value.low_watermark} is not below xcache.highWatermark {value.high_watermark}",
            "write less than xcache.highWatermark",
        )
    yield from _between("xcache.replicas", value.replicas, 1, 32, "caches")
    yield from _readers(value, settings)
    yield from _upstream(value)


def _readers(cache: XCache, settings: Settings) -> Problems:
    if cache.mode == "public":
        for key in ("audience", "issuers"):
            if getattr(cache, key):
                yield Problem(
                    f"xcache.{key}",
                    "is unused with mode: public, which asks nobody for a token",
                    f"write mode: authorised, or leave {key} out",
                )
        return
    if cache.audience is not None:
        yield from _whom("xcache.audience", cache.audience)
    minted = settings.credentials.audience
    if minted and cache.audience not in minted:
        yield Problem(
            "xcache.audience",
            f"{cache.audience or 'the default'} is none of credentials.audience {list(minted)!r}",
            "write one of those, or the facility's own tokens are refused",
        )
    login = settings.identity.issuer
    if settings.credentials.data_token == "identity" and login not in {i.issuer for i in cache.issuers}:
        yield Problem(
            "xcache.issuers",
            f"lack {login}, whose tokens sessions get with credentials.dataToken: identity",
            "write it as one of them",
        )
    for index, issuer in enumerate(cache.issuers):
        yield from _issuer(f"xcache.issuers[{index}]", issuer, cache.prefix)
    yield from _once("xcache.issuers", tuple(issuer.issuer for issuer in cache.issuers))


def _issuer(key: str, value: TokenIssuer, prefix: str) -> Problems:
    if not ISSUER.fullmatch(value.issuer):
        yield Problem(
            f"{key}.issuer",
            f"{value.issuer!r} is no https address",
            "write https://HOST[/PATH], as tokens do",
        )
    if not value.base_paths:
        yield Problem(f"{key}.basePaths", "is empty", "write a path, or leave it out for /")
    for index, path in enumerate(value.base_paths):
        place = f"{key}.basePaths[{index}]"
        if path != "/" and (not PREFIX.fullmatch(path) or {".", ".."} & set(path.split("/"))):
            yield Problem(place, f"{path!r} is no path", "write / or one without slash at its end")
        elif not (_is_below(path, prefix) or _is_below(prefix, path)):
            yield Problem(
                place, f"{path!r} is neither above nor below xcache.prefix {prefix!r}", "write one that is"
            )
    yield from _once(f"{key}.basePaths", value.base_paths)


def _is_below(path: str, top: str) -> bool:
    return f"{path}/".startswith(f"{top.rstrip('/')}/")


def _upstream(cache: XCache) -> Problems:
    if cache.upstream == "none" and cache.upstream_secret is not None:
        yield Problem(
            "xcache.upstreamSecret",
            f"{cache.upstream_secret!r} is unused with upstream: none",
            "write upstream: token or upstream: x509, or leave upstreamSecret out",
        )
    if cache.upstream != "none" and cache.upstream_secret is None:
        yield Problem(
            "xcache.upstreamSecret", f"is missing with upstream: {cache.upstream}", "write the Secret's name"
        )
    if cache.upstream_secret is not None and not OBJECT_NAME.fullmatch(cache.upstream_secret):
        yield Problem(
            "xcache.upstreamSecret",
            f"{cache.upstream_secret!r} is no name of a Secret",
            "write one of `kubectl get secrets`",
        )


def pool(settings: Settings) -> Problems:
    value = settings.pool
    if value is None:
        return
    if value.signing_key is not None:
        yield Problem(
            "pool.signingKey",
            "would put a pool's key here, with which this facility is everybody there: its users, and root",
            "take it out; an embedded pool makes its own key, flock needs one token of the site's for READ, "
            "ADVERTISE_MASTER and ADVERTISE_SCHEDD, remote needs tokens of the users' own",
        )
    yield from _only_with(value)
    yield from _site_pool(value, settings)
    yield from _remote_pool(value, settings)
    yield from _pool_domains(value)
    yield from _between("pool.tokenLifetime", value.token_lifetime, 300, 86400, "seconds")
    yield from _between("pool.jobsPerUser", value.jobs_per_user, 1, 10000, "jobs")
    yield from _size_between("pool.queueSize", value.queue_size, "1Gi", "1048576Gi")
    yield from _nodes(value)


def _pool_domains(value: Pool) -> Problems:
    for key, domain in (("trustDomain", value.trust_domain), ("uidDomain", value.uid_domain)):
        if not OBJECT_NAME.fullmatch(domain):
            yield Problem(f"pool.{key}", f"{domain!r} is no domain", "write a name such as pool.example.org")
    if value.trust_domain == value.uid_domain and value.mode != "remote":
        # An execute node is execute@TRUST_DOMAIN, and a user may be called so.
        yield Problem(
            "pool.uidDomain",
            "is pool.trustDomain",
            "write another one, such as users.DOMAIN, for users' names",
        )


def _only_with(pool: Pool) -> Problems:
    """Look at the sections that only one mode has."""
    for mode, key, section in (("flock", "site", pool.site), ("remote", "remote", pool.remote)):
        if section and pool.mode != mode:
            yield Problem(
                f"pool.{key}", f"is unused with mode: {pool.mode}", f"write mode: {mode}, or leave it out"
            )
        if section is None and pool.mode == mode:
            yield Problem(
                f"pool.{key}", f"is missing with mode: {mode}", "write collector, cidrs and the rest"
            )


def _site_pool(pool: Pool, settings: Settings) -> Problems:
    site = pool.site
    if site is None:
        return
    yield from _outside_pool("pool.site", site, settings)
    for key, name in (("trustDomain", site.trust_domain), ("tokenSecret", site.token_secret)):
        if not OBJECT_NAME.fullmatch(name):
            yield Problem(f"pool.site.{key}", f"{name!r} is no name", "write one such as pool.example.org")
    if site.trust_domain in (pool.trust_domain, pool.uid_domain):
        yield Problem(
            "pool.site.trustDomain",
            f"{site.trust_domain} is a domain of this facility's own",
            "write the site's TRUST_DOMAIN, which the facility cannot sign for",
        )
    if not ORIGIN.fullmatch(site.address) or ":" in site.address:
        yield Problem("pool.site.address", f"{site.address!r} is no host", "write a name or an IPv4 address")
    low = 30000 if site.service == "NodePort" else 1024
    yield from _between("pool.site.port", site.port, low, 32767 if low == 30000 else 65535, "")
    yield from _balancer("pool.site", site.service, site.load_balancer)


REMOTE_TOKENS = {
    "scitokens": {"audience": "the site's SCITOKENS_SERVER_AUDIENCE"},
    "service": {"audience": "the name of the site's token service", "service": "its https address"},
    "secrets": {"secret": "what the Secrets' names begin with"},
}
"""What each way to tokens of users needs."""


def _remote_pool(pool: Pool, settings: Settings) -> Problems:
    remote = pool.remote
    if remote is None:
        return
    yield from _outside_pool("pool.remote", remote, settings)
    if not SCHEDD.fullmatch(remote.schedd):
        yield Problem("pool.remote.schedd", f"{remote.schedd!r} is no name", "write the site's SCHEDD_NAME")
    values = {"audience": remote.audience, "service": remote.service, "secret": remote.secret}
    for key, value in values.items():
        needed = REMOTE_TOKENS[remote.tokens].get(key)
        if needed and value is None:
            yield Problem(f"pool.remote.{key}", f"is missing with tokens: {remote.tokens}", f"write {needed}")
        if value is not None and not needed:
            yield Problem(f"pool.remote.{key}", f"is unused with tokens: {remote.tokens}", "leave it out")
    if remote.service is not None and not ISSUER.fullmatch(remote.service):
        yield Problem(
            "pool.remote.service",
            f"{remote.service!r} is no https address",
            "write one such as https://HOST/v1/token",
        )
    if remote.audience and remote.audience.lower().rstrip("/") in ANYBODY:
        yield Problem(
            "pool.remote.audience",
            f"{remote.audience!r} means anybody",
            "write the site's own, such as its URL",
        )
    if remote.secret and not (OBJECT_NAME.fullmatch(remote.secret) and len(remote.secret) <= 100):
        yield Problem("pool.remote.secret", f"{remote.secret!r} is no name", "write one such as condor-token")
    if remote.tokens == "scitokens" and ADDRESS.fullmatch(remote.collector.partition(":")[0]):
        wrong = f"{remote.collector!r} is an address, and scitokens need a name to look for in a certificate"
        yield Problem("pool.remote.collector", wrong, "write the host name that is in its certificate")
    if remote.ca_config_map is not None and remote.tokens == "secrets":
        yield Problem("pool.remote.caConfigMap", f"is unused with tokens: {remote.tokens}", "leave it out")
    elif remote.ca_config_map is not None and not OBJECT_NAME.fullmatch(remote.ca_config_map):
        yield Problem(
            "pool.remote.caConfigMap", f"{remote.ca_config_map!r} is no name", "write one such as condor-ca"
        )


def _outside_pool(key: str, pool: OutsidePool, settings: Settings) -> Problems:
    if settings.dask_router is None:
        yield Problem(
            "daskRouter",
            f"is missing with {key}, whose workers come to their schedulers through it",
            "write service and port",
        )
    if not ORIGIN.fullmatch(pool.collector) or not 0 < int(pool.collector.partition(":")[2] or 9618) < 65536:
        yield Problem(f"{key}.collector", f"{pool.collector!r} is no server", "write HOST or HOST:PORT")
    if not pool.cidrs:
        yield Problem(f"{key}.cidrs", "is empty", "write the addresses of the site's machines")
    yield from _cidrs(f"{key}.cidrs", pool.cidrs)
    yield from _worker_ports(f"{key}.workerPorts", pool.worker_ports)
    if pool.universe == "vanilla" and pool.image:
        yield Problem(f"{key}.image", "is unused with universe: vanilla", "leave it out")
    if pool.universe != "vanilla" and not pool.image and settings.images.registry.startswith("localhost/"):
        yield Problem(
            f"{key}.image",
            f"is missing with images.registry {settings.images.registry}, which the site does not see",
            "write this release's execute image as the site pulls it, such as docker://registry.example.org/execute:1",
        )


def _worker_ports(key: str, ports: tuple[int, ...]) -> Problems:
    for index, port in enumerate(ports):
        yield from _between(f"{key}[{index}]", port, 1024, 65535, "")
    if len(ports) != 2 or ports[0] >= ports[1]:
        yield Problem(key, f"{list(ports)} is no range", "write [FIRST, LAST] between 1024 and 65535")


def _nodes(value: Pool) -> Problems:
    nodes, worker = value.nodes, value.worker
    yield from _between("pool.nodes.count", nodes.count, 0, 1000, "pods")
    yield from _between("pool.nodes.cores", nodes.cores, 1, 1024, "cores")
    yield from _between("pool.nodes.coresRequest", nodes.cores_request, 0.01, 1024, "cores")
    yield from _at_most(
        "pool.nodes.coresRequest",
        nodes.cores_request,
        nodes.cores,
        str(nodes.cores_request),
        "pool.nodes.cores",
    )
    yield from _between("pool.nodes.drainSeconds", nodes.drain_seconds, 0, 3600, "seconds")
    yield from _between("pool.worker.cores", worker.cores, 1, 1024, "cores")
    own = value.mode == "embedded"
    if own:
        yield from _at_most(
            "pool.worker.cores", worker.cores, nodes.cores, str(worker.cores), "pool.nodes.cores"
        )
    sizes = [
        *_size_between("pool.nodes.memory", nodes.memory, "512Mi", "16384Gi"),
        *_size_between("pool.nodes.scratch", nodes.scratch, "1Gi", "1048576Gi"),
        *_size_between("pool.worker.memory", worker.memory, "256Mi", "16384Gi"),
        *_size_between("pool.worker.disk", worker.disk, "64Mi", "1048576Gi"),
    ]
    yield from sizes
    # What a site's nodes have, the site knows.
    if sizes or not own:
        return
    for key, most in (("memory", nodes.memory), ("disk", nodes.scratch)):
        size: str = getattr(worker, key)
        if bytes_of(size) > bytes_of(most):
            yield Problem(f"pool.worker.{key}", f"{size!r} is more than a node has", f"write at most {most}")


def health(settings: Settings) -> Problems:
    file = settings.health.file if settings.health else None
    if file is None:
        return
    cache = settings.xcache
    if cache is None:
        yield Problem(
            "health.file", f"{file!r} is unused without xcache", "write coffea-casa:xcache, or leave it out"
        )
    elif not PREFIX.fullmatch(file) or {".", ".."} & set(file.split("/")):
        yield Problem("health.file", f"{file!r} is no path", "write /PATH of a file, without root://")
    elif not _is_below(file, cache.prefix):
        yield Problem(
            "health.file", f"{file!r} is not below xcache.prefix {cache.prefix!r}", "write a file that is"
        )


def network(settings: Settings) -> Problems:
    value = settings.network
    yield from _cidrs("network.apiServerCidrs", value.api_server_cidrs)
    yield from _cidrs("network.privateCidrs", value.private_cidrs)
    watcher = value.monitoring_namespace
    if watcher is not None and not DNS_LABEL.fullmatch(watcher):
        yield Problem(
            "network.monitoringNamespace",
            f"{watcher!r} is no name of a namespace",
            "write the name of the namespace that Prometheus runs in",
        )
    for name, listed in (
        ("apiServerCidrs", value.api_server_cidrs),
        ("apiServerPorts", value.api_server_ports),
    ):
        if not listed:
            yield Problem(f"network.{name}", "is empty", "write how pods reach the Kubernetes API server")
    for index, port in enumerate(value.api_server_ports):
        yield from _between(f"network.apiServerPorts[{index}]", port, 1, 65535, "")
