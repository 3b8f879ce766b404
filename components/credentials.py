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
    pool: PoolTokens | None = None
    """Whose IDTOKENs are signed as well."""
    verifiers: tuple[str, ...] = ()
    """Components that check data tokens, and so read the issuer's discovery documents."""


def issuer(facility: Facility) -> str:
    """Return who tokens say they are from, which is also where verifiers find the keys."""
    return f"https://{facility.service_names(COMPONENT)[-1]}:{DISCOVERY_PORT}"


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
        "pool": None
        if args.pool is None
        else {
            "trustDomain": args.pool.trust_domain,
            "uidDomain": args.pool.uid_domain,
            "tokenLifetime": args.pool.lifetime,
        },
    }


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
        if args.pool is not None:
            keys["pool.key"] = args.pool.key
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
        receive(self, COMPONENT, {CLIENT: ports(API_PORT), **callers})
        self.url = f"https://credentials:{API_PORT}"
        self.issuer = issuer(args.facility)
        self.contribution = SessionContribution(
            name=name,
            environment=keeper.environment(),
            volumes=keeper.volumes(),
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
