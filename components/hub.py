"""JupyterHub and its proxy: log-in, spawn page, users' notebook servers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.base import Facility, FacilityComponent, selector
from components.ca import CA_CONFIG_MAP, ServerCertificate
from components.front import ingress, public_service
from components.hub_service import HubService
from components.identity import OidcClient
from components.keys import camel
from components.network import EVERYWHERE, SESSION, Flow, Ports, ports, receive, send, send_to_addresses
from components.rbac import service_account
from components.session import SessionContribution, SessionDoor, SessionPod, merge
from components.workload import (
    TMP,
    UID,
    Container,
    Mount,
    Probes,
    checksum,
    claim,
    config_map,
    deployment,
    http_get,
    metadata,
    resources,
    secret,
    secret_checksum,
    secret_variable,
    service,
    variable,
)
from settings import Public, Settings

HUB, PROXY = "hub", "proxy"
HEALTH_USER = "coffea-casa-health"
"""Whose server the health check starts: no issuer's e-mail address, and no likely user name."""
HEALTH_TOKEN = "health-token"
"""Key of hub-secrets that holds the health service's token."""
HUB_PORT = 8081
PROXY_API_PORT = 8001
TLS_PORT, PLAIN_PORT = 8443, 8000
NOTEBOOK_PORT = 8888

HUB_RULES = (
    # KubeSpawner makes, watches and ends users' pods.
    PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch", "create", "delete"]),
    # Homes are made at the first log-in and never deleted by the hub.
    PolicyRuleArgs(api_groups=[""], resources=["persistentvolumeclaims"], verbs=["get", "list", "create"]),
    # The spawn page shows what the cluster says while a pod starts.
    PolicyRuleArgs(api_groups=[""], resources=["events"], verbs=["get", "list", "watch"]),
    # Sessions' credentials: written, and never read. "patch" and "delete" can answer with what was there.
    PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=["create", "update"]),
)


@dataclass(frozen=True, kw_only=True)
class HubArgs:
    """What the hub needs."""

    facility: Facility
    settings: Settings
    client: OidcClient
    ca_certificate: pulumi.Output[str]
    """The facility's CA, for what the hub and the proxy call by https inside."""
    certificate: ServerCertificate | None
    """The proxy's certificate where the facility's CA signs it."""
    issuer_url: str
    """Where the hub asks for users' credentials, and the certificate that it shows there."""
    issuer_client: ServerCertificate
    public_keys_url: str | None = None
    """Where the hub finds the issuer's public keys to show to sites; none means that no site asks."""
    contributions: tuple[SessionContribution, ...]
    services: tuple[HubService, ...]
    door: SessionDoor | None = None
    """Where users' own computers find sessions; none where they do not."""


def access(settings: Settings) -> dict[str, object]:
    """Return who may log in: with the facility's own Dex its first user always may."""
    rules = settings.access
    first = settings.identity.users[:1] if settings.identity.issuer is None else ()
    users = list(dict.fromkeys((*first, *rules.users)))
    return camel(asdict(rules)) | {"users": users}


def hub_settings(args: HubArgs, pod: SessionPod) -> dict[str, object]:
    """Return what services/hub reads as its settings.json."""
    facility, settings, client = args.facility, args.settings, args.client
    pull_secret = facility.images.pull_secret
    return {
        "namespace": facility.namespace,
        "dnsDomain": facility.dns_domain,
        "publicUrl": settings.public.url,
        "hubConnectUrl": f"http://hub:{HUB_PORT}",
        "proxyApiUrl": f"http://proxy-api:{PROXY_API_PORT}",
        "oidc": {
            "issuer": client.issuer,
            "clientId": client.client_id,
            "authorizeUrl": client.authorize_url,
            "tokenUrl": client.token_url,
            "userdataUrl": client.userdata_url,
            "scopes": list(settings.identity.scopes),
            "usernameClaim": settings.identity.username_claim,
            "groupsClaim": settings.identity.groups_claim,
            "loginService": "Coffea-casa",
        },
        "access": access(settings),
        "credentials": {
            "url": args.issuer_url,
            "dataToken": settings.credentials.data_token,
            **({"publicKeysUrl": args.public_keys_url} if args.public_keys_url else {}),
        },
        "hub": {
            "concurrentSpawns": settings.hub.concurrent_spawns,
            "idleTimeout": settings.hub.idle_timeout,
            "maxAge": settings.hub.max_age,
        },
        **({"laptop": asdict(args.door)} if args.door else {}),
        **({"health": {"user": HEALTH_USER, "tokenFile": HEALTH_TOKEN}} if settings.health else {}),
        "session": {
            "image": facility.image("session"),
            "pullPolicy": facility.images.pull_policy,
            "pullSecrets": [pull_secret] if pull_secret else [],
            "uid": UID,
            "gid": UID,
            "homeSize": settings.session.home_size,
            "storageClass": facility.storage_class,
            "startTimeout": settings.session.start_timeout,
            "profiles": [camel(asdict(profile)) for profile in settings.session.profiles],
            "labels": facility.pod_labels(SESSION) | {"app.kubernetes.io/managed-by": "kubespawner"},
            "environment": pod.environment,
            "volumes": pod.volumes,
            "volumeMounts": pod.mounts,
            "initContainers": pod.sidecars,
        },
        "services": [
            {"name": s.name, "url": s.url}
            | ({"tokenFile": token_file(s)} if s.token is not None else {})
            | ({"oauth": True} if s.oauth else {})
            for s in args.services
        ],
    }


def token_file(hub_service: HubService) -> str:
    """Return the key of hub-secrets that holds a service's token."""
    return f"{hub_service.name}-token"


def proxy_command(public: Public) -> list[str]:
    """Return configurable-http-proxy's command line."""
    tls = public.tls != "external"
    return [
        "configurable-http-proxy",
        "--ip=0.0.0.0",
        f"--port={TLS_PORT if tls else PLAIN_PORT}",
        "--api-ip=0.0.0.0",
        f"--api-port={PROXY_API_PORT}",
        f"--default-target=http://hub:{HUB_PORT}",
        f"--error-target=http://hub:{HUB_PORT}/hub/error",
        *(["--ssl-cert=/run/secrets/tls/tls.crt", "--ssl-key=/run/secrets/tls/tls.key"] if tls else []),
    ]


class Hub(FacilityComponent):
    """JupyterHub with KubeSpawner, OAuthenticator, idle culler; configurable-http-proxy in front."""

    url: str
    """The facility's address in browsers."""
    health_token: pulumi.Output[str] | None
    """With which the health check comes, secret."""

    def __init__(self, name: str, args: HubArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            "coffea-casa:index:Hub",
            name,
            args.facility,
            opts,
            {
                "public": asdict(args.settings.public),
                "hub": asdict(args.settings.hub),
                "access": asdict(args.settings.access),
                "session": asdict(args.settings.session),
            },
        )
        pod = merge(args.contributions)
        proxy_token = random.RandomPassword(
            f"{name}-proxy-token", length=64, special=False, opts=self.child(protect=True)
        ).result
        self.health_token = self._health_token() if args.settings.health else None
        self._hub(args, pod, proxy_token)
        self._proxy(args, proxy_token)
        self._sessions(args, pod)
        self.url = args.settings.public.url
        self.register_outputs({"url": self.url})

    def _hub(self, args: HubArgs, pod: SessionPod, proxy_token: pulumi.Output[str]) -> None:
        secrets: dict[str, pulumi.Input[str]] = {
            "cookie-secret": self._key("hub-cookie-secret"),
            "crypt-key": self._key("hub-crypt-key"),
            "proxy-token": proxy_token,
            "oidc-client-secret": args.client.client_secret,
        }
        for hub_service in args.services:
            if hub_service.token is not None:
                secrets[token_file(hub_service)] = hub_service.token
        if self.health_token is not None:
            secrets[HEALTH_TOKEN] = self.health_token
        client = args.client
        config = json.dumps(hub_settings(args, pod), indent=2, sort_keys=True)
        config_map(self, HUB, "hub-config", {"settings.json": config})
        secret(self, HUB, "hub-secrets", secrets)
        issuer_client = args.issuer_client.as_secret()
        secret(self, HUB, "hub-issuer-client", issuer_client, "kubernetes.io/tls")
        claim(self, HUB, "hub-db", args.settings.hub.database_size, protect=True)
        deployment(
            self,
            HUB,
            [
                Container(
                    name="hub",
                    image="hub",
                    command=[
                        "jupyterhub",
                        "--config=/opt/coffea-casa/services/hub/jupyterhub_config.py",
                        "--upgrade-db",
                    ],
                    ports={"http": HUB_PORT},
                    probes=Probes(get=http_get("/hub/health", HUB_PORT), start_seconds=300),
                    resources=resources("100m", "256Mi", "1Gi"),
                    # OpenSSL's way to name the CAs to trust; the hub calls nobody else by https then.
                    environment=[variable("SSL_CERT_FILE", client.ca_file)] if client.ca_file else [],
                    mounts=[
                        Mount(name="config", path="/etc/coffea-casa/hub", config_map="hub-config"),
                        Mount(name="ca", path="/etc/coffea-casa/ca", config_map=CA_CONFIG_MAP),
                        Mount(name="secrets", path="/run/secrets/hub", secret="hub-secrets"),
                        Mount(name="issuer", path="/run/secrets/issuer", secret="hub-issuer-client"),
                        Mount(name="db", path="/srv/jupyterhub", claim="hub-db"),
                        TMP,
                    ],
                )
            ],
            checksums={
                "config": checksum(config),
                "secrets": secret_checksum(secrets),
                "issuer": secret_checksum(issuer_client),
                "ca": args.ca_certificate.apply(checksum),
            },
            replace=True,
            service_account=HUB,
            depends_on=service_account(self, HUB, HUB_RULES),
        )
        service(self, HUB, "hub", {"http": HUB_PORT})
        callers = {caller: ports(HUB_PORT) for s in args.services for caller in s.callers}
        receive(self, HUB, {PROXY: ports(HUB_PORT), SESSION: ports(HUB_PORT), **callers})
        send_to_addresses(
            self,
            HUB,
            "kubernetes-api",
            args.settings.network.api_server_cidrs,
            ports=[Ports(number) for number in args.settings.network.api_server_ports],
        )
        issuer = args.settings.identity.issuer
        if issuer:
            send_to_addresses(self, HUB, "issuer", EVERYWHERE, ports=ports(urlsplit(issuer).port or 443))

    def _key(self, name: str) -> pulumi.Output[str]:
        """Return 32 random bytes in hexadecimal.

        Drawn as a password of hexadecimal digits: RandomBytes has its value as its id,
        and ids stand in the state in clear.
        """
        return random.RandomPassword(
            name,
            length=64,
            upper=False,
            lower=False,
            override_special="abcdef",
            opts=self.child(protect=True),
        ).result

    def _health_token(self) -> pulumi.Output[str]:
        # Not protected: without the setting it must go without further ado.
        token = random.RandomPassword("hub-health-token", length=64, special=False, opts=self.child())
        return token.result

    def _proxy(self, args: HubArgs, token: pulumi.Output[str]) -> None:
        tls = args.settings.public.tls != "external"
        port = TLS_PORT if tls else PLAIN_PORT
        secret(self, PROXY, "proxy-secrets", {"token": token})
        checksums: dict[str, pulumi.Input[str]] = {
            "token": secret_checksum({"token": token}),
            "ca": args.ca_certificate.apply(checksum),
        }
        tls_secret = args.settings.public.tls_secret
        if args.certificate is not None:
            tls_secret = "proxy-tls"
            secret(self, PROXY, tls_secret, args.certificate.as_secret(), "kubernetes.io/tls")
            checksums["tls"] = secret_checksum(args.certificate.as_secret())
        mounts = [Mount(name="ca", path="/etc/coffea-casa/ca", config_map=CA_CONFIG_MAP), TMP]
        if tls_secret:
            mounts.append(Mount(name="tls", path="/run/secrets/tls", secret=tls_secret))
        deployment(
            self,
            PROXY,
            [
                Container(
                    name="proxy",
                    image="proxy",
                    command=proxy_command(args.settings.public),
                    ports={"https" if tls else "http": port, "api": PROXY_API_PORT},
                    probes=Probes(get=http_get("/_chp_healthz", port, "HTTPS" if tls else "HTTP")),
                    resources=resources("50m", "128Mi", "512Mi"),
                    environment=[
                        secret_variable("CONFIGPROXY_AUTH_TOKEN", "proxy-secrets", "token"),
                        # Node's way to trust a CA besides the public ones: Dex answers with our certificate.
                        variable("NODE_EXTRA_CA_CERTS", "/etc/coffea-casa/ca/ca.pem"),
                    ],
                    mounts=mounts,
                )
            ],
            # Users' web sockets end when the proxy rolls, so only its token and certificate may cause it.
            checksums=checksums,
            replace=True,
        )
        service(self, PROXY, "proxy-api", {"api": PROXY_API_PORT})
        self._front(args.settings.public, port)

    def _front(self, public: Public, port: int) -> None:
        """Make the way from browsers to the proxy's port."""
        name = "http" if public.tls == "external" else "https"
        public_service(
            self,
            PROXY,
            "proxy-public",
            ServicePortArgs(
                name=name,
                port=80 if public.tls == "external" else 443,
                target_port=port,
                node_port=public.node_port,
            ),
            kind=public.service,
            balancer=public.load_balancer,
            own_addresses=False,
        )
        before = None
        if public.ingress is not None:
            host = urlsplit(public.url).hostname or ""
            ingress(self, PROXY, PROXY, host=host, service="proxy-public", port=name, told=public.ingress)
            before = public.ingress.controller_namespace
        receive(
            self,
            PROXY,
            {HUB: ports(PROXY_API_PORT)},
            namespaces={before: ports(port)} if before else {},
            world=() if before else ports(port),
        )

    def _sessions(self, args: HubArgs, pod: SessionPod) -> None:
        k8s.core.v1.Service(
            "sessions",
            metadata=metadata(self.facility, SESSION, "sessions"),
            # Headless, for names only: SLUG.sessions.NAMESPACE.svc without an object per user.
            spec=ServiceSpecArgs(
                cluster_ip="None",
                selector=selector(SESSION),
                ports=[ServicePortArgs(name="http", port=NOTEBOOK_PORT, target_port=NOTEBOOK_PORT)],
            ),
            opts=self.child(),
        )
        receive(self, SESSION, {HUB: ports(NOTEBOOK_PORT), PROXY: ports(NOTEBOOK_PORT), **pod.callers})
        send(self, SESSION, Flow(HUB, ports(HUB_PORT)))
        for flow in pod.flows:
            send(self, SESSION, flow)
        if args.settings.network.internet:
            send_to_addresses(
                self, SESSION, "internet", EVERYWHERE, excepted=args.settings.network.private_cidrs
            )
