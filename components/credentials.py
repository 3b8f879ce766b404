"""The one service that signs for users: certificates and data tokens, asked for by the hub alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pulumi
import pulumi_kubernetes as k8s
import pulumi_tls as tls
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudgetSpecArgs

from components import keeper
from components.base import Facility, FacilityComponent, selector
from components.ca import ServerCertificate, dask_domain
from components.network import ports, receive
from components.session import SessionContribution
from components.workload import (
    TMP,
    Container,
    Mount,
    Probes,
    checksum,
    config_map,
    deployment,
    http_get,
    metadata,
    resources,
    secret,
    secret_checksum,
    service,
)
from settings import Credentials

COMPONENT = "credentials"
CLIENT = "hub"
"""The component that may ask for bundles; the service itself asks for its certificate."""
API_PORT = 8443
DISCOVERY_PORT = 8444
REPLICAS = 2


@dataclass(frozen=True, kw_only=True)
class PoolTokens:
    """HTCondor's tokens for users, and the key that signs them."""

    trust_domain: str
    uid_domain: str
    lifetime: int
    """Seconds."""
    key: pulumi.Output[str]
    """Content of the pool's key file, secret."""


@dataclass(frozen=True, kw_only=True)
class SiteTokens:
    """What users show a site's own HTCondor: a SciToken for ``audience``, what the site's token service gives
    for an ``assertion``, or what ``secret`` leads to."""

    audience: str | None = None
    """The site's SCITOKENS_SERVER_AUDIENCE, or the name of its token service."""
    assertion: bool = False
    """Whether it is for a token service."""
    lifetime: int
    """Seconds."""
    secret: str | None = None
    """What the names of the users' Secrets begin with."""


@dataclass(frozen=True, kw_only=True)
class CredentialIssuerArgs:
    """What the issuer needs."""

    facility: Facility
    settings: Credentials
    public_url: str
    """The facility's address in browsers; sessions' names outside are made of its host."""
    audience: tuple[str, ...]
    """Whom data tokens are for."""
    ca_certificate: pulumi.Output[str]
    ca_key: pulumi.Output[str]
    """The CA that signs for users."""
    certificate: ServerCertificate
    pool: PoolTokens | SiteTokens | None = None
    """Whose tokens users get as well."""
    verifiers: tuple[str, ...] = ()
    """Components that check data tokens, and so read the issuer's discovery documents."""


def issuer(facility: Facility) -> str:
    """Return who tokens say they are from, which is also where verifiers find the keys."""
    return f"https://{facility.service_names(COMPONENT)[-1]}:{DISCOVERY_PORT}"


def public_issuer(public_url: str) -> str:
    """Return who tokens for sites say they are from; the hub shows the public keys there."""
    return f"{public_url}/hub/issuer"


def session_domains(facility: Facility, public_url: str) -> list[str]:
    """Return the domains in which a session is called by its user's label."""
    inside = f"sessions.{facility.namespace}.svc"
    outside = dask_domain(public_url)
    return [inside, f"{inside}.{facility.dns_domain}", *([outside] if outside else [])]


def issuer_settings(args: CredentialIssuerArgs) -> dict[str, object]:
    """Return what services/credentials reads as its settings.json."""
    return {
        "issuer": issuer(args.facility),
        "sessions": session_domains(args.facility, args.public_url),
        "tokenLifetime": args.settings.token_lifetime,
        "certificateLifetime": args.settings.certificate_lifetime,
        "audience": list(args.audience),
        "dataScopes": list(args.settings.data_scopes),
        "pool": _pool(args.pool) if isinstance(args.pool, PoolTokens) else None,
        "sciTokens": None if _asserts(args) else _for_site(args),
        "assertions": _for_site(args) if _asserts(args) else None,
    }


def _pool(pool: PoolTokens) -> dict[str, object]:
    return {"trustDomain": pool.trust_domain, "uidDomain": pool.uid_domain, "tokenLifetime": pool.lifetime}


def _asserts(args: CredentialIssuerArgs) -> bool:
    return isinstance(args.pool, SiteTokens) and args.pool.assertion


def _for_site(args: CredentialIssuerArgs) -> dict[str, object] | None:
    """Return what tokens for a site say, if there are any."""
    if not isinstance(args.pool, SiteTokens) or args.pool.audience is None:
        return None
    issuer = public_issuer(args.public_url)
    return {"issuer": issuer, "audience": args.pool.audience, "tokenLifetime": args.pool.lifetime}


def generations(present: int) -> dict[int, bool]:
    """Return the generations of keys that are published, each with whether its key is protected.

    The last one is there until its tokens have ended, the next one long before it signs, for
    verifiers look for new keys only now and then. The last one is not protected: the `up` that
    raises the number removes it. The engine therefore refuses to remove a key that still signs, which
    it would have to when the number is lowered or raised by more than one.
    """
    return {number: number >= present for number in range(max(1, present - 1), present + 2)}


class CredentialIssuer(FacilityComponent):
    """Two pods without state that hold the CA's key and the key of data tokens."""

    url: str
    """https address of the API."""
    public_keys_url: str | None
    """Where the hub finds the keys that it shows to sites; none means that no site asks."""
    issuer: str
    """``iss`` of data tokens."""
    contribution: SessionContribution
    """The keeper, and where programs find the files."""

    def __init__(
        self, name: str, args: CredentialIssuerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            "coffea-casa:index:CredentialIssuer", name, args.facility, opts, asdict(args.settings)
        )
        signing = self._signing_keys(name, args.settings.key_generation)
        config: dict[str, pulumi.Input[str]] = {
            "settings.json": json.dumps(issuer_settings(args), indent=2, sort_keys=True),
            "ca.pem": args.ca_certificate,
            **{f"published-{number}.pem": key.public_key_pem for number, key in signing.items()},
        }
        keys: dict[str, pulumi.Input[str]] = {
            "ca.key": args.ca_key,
            # The next key stays in the state until its time has come.
            "signing.key": signing[args.settings.key_generation].private_key_pem_pkcs8,
        }
        if isinstance(args.pool, PoolTokens):
            keys["pool.key"] = args.pool.key
        if _asserts(args):
            key = self._assertion_key(name)
            config["published-assertion.pem"] = key.public_key_pem
            keys["assertion.key"] = key.private_key_pem_pkcs8
        mounted = [
            config_map(self, COMPONENT, f"{name}-config", config),
            secret(self, COMPONENT, f"{name}-keys", keys),
            secret(self, COMPONENT, f"{name}-tls", args.certificate.as_secret(), "kubernetes.io/tls"),
        ]
        deployment(
            self,
            COMPONENT,
            [self._container(name)],
            checksums={
                "config": pulumi.Output.all(**config).apply(_digest),
                "keys": secret_checksum(keys),
                "tls": secret_checksum(args.certificate.as_secret()),
            },
            replace=False,
            replicas=REPLICAS,
            # Keys are read at the start: a pod must not start with those of before.
            depends_on=mounted,
        )
        self._disruption_budget()
        service(self, COMPONENT, "credentials", {"api": API_PORT, "discovery": DISCOVERY_PORT})
        callers = {verifier: ports(DISCOVERY_PORT) for verifier in args.verifiers}
        self.public_keys_url = None
        if _for_site(args):
            self.public_keys_url = f"https://credentials:{DISCOVERY_PORT}"
        client = ports(API_PORT, *((DISCOVERY_PORT,) if self.public_keys_url else ()))
        receive(self, COMPONENT, {CLIENT: client, **callers})
        self.url = f"https://credentials:{API_PORT}"
        self.issuer = issuer(args.facility)
        self.contribution = SessionContribution(
            name=name,
            environment=keeper.environment(),
            volumes=keeper.volumes(args.pool.secret if isinstance(args.pool, SiteTokens) else None),
            mounts=keeper.mounts(),
            sidecars=(keeper.sidecar(args.facility),),
        )
        self.register_outputs({"url": self.url, "issuer": self.issuer})

    def _signing_keys(self, name: str, present: int) -> dict[int, tls.PrivateKey]:
        return {
            number: tls.PrivateKey(
                f"{name}-signing-key-{number}",
                algorithm="ECDSA",
                ecdsa_curve="P256",
                opts=self.child(protect=protect),
            )
            for number, protect in generations(present).items()
        }

    def _assertion_key(self, name: str) -> tls.PrivateKey:
        # Not protected: sites look for a new key within minutes, and without the setting it must go.
        return tls.PrivateKey(f"{name}-assertion-key", algorithm="RSA", rsa_bits=2048, opts=self.child())

    def _container(self, name: str) -> Container:
        return Container(
            name="issuer",
            image="credentials",
            command=["python", "-m", "services.credentials.server"],
            ports={"api": API_PORT, "discovery": DISCOVERY_PORT},
            # The API shakes hands with nobody but the hub.
            probes=Probes(get=http_get("/healthz", DISCOVERY_PORT, "HTTPS")),
            resources=resources("50m", "64Mi", "256Mi"),
            mounts=[
                Mount(name="config", path="/etc/coffea-casa/credentials", config_map=f"{name}-config"),
                Mount(name="keys", path="/run/secrets/credentials", secret=f"{name}-keys"),
                Mount(name="tls", path="/run/secrets/tls", secret=f"{name}-tls"),
                TMP,
            ],
        )

    def _disruption_budget(self) -> None:
        k8s.policy.v1.PodDisruptionBudget(
            COMPONENT,
            metadata=metadata(self.facility, COMPONENT, COMPONENT),
            spec=PodDisruptionBudgetSpecArgs(
                min_available=1, selector=LabelSelectorArgs(match_labels=selector(COMPONENT))
            ),
            opts=self.child(),
        )


def _digest(config: Mapping[str, str]) -> str:
    return checksum(json.dumps(dict(config), sort_keys=True))
