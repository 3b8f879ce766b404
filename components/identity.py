"""Who users are: an external OIDC issuer, or a Dex of the facility's own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
import yaml

from components.base import Facility, FacilityComponent
from components.ca import CA_KEY, ServerCertificate
from components.hub_service import HubService
from components.network import ports, receive
from components.workload import (
    TMP,
    Container,
    Mount,
    Probes,
    checksum,
    claim,
    config_map,
    deployment,
    http_get,
    resources,
    secret,
    secret_checksum,
    secret_variable,
    service,
)
from settings import Identity as IdentitySettings

COMPONENT = "identity"
PORT = 5556
PATH = "/services/dex"
"""Under this path of the facility's own address Dex answers browsers, as a service of the hub."""
CLIENT_ID = "coffea-casa"


@dataclass(frozen=True, kw_only=True)
class OidcClient:
    """How the hub talks to an issuer, as its settings file has it."""

    issuer: str
    client_id: str
    client_secret: pulumi.Output[str]
    authorize_url: str | None = None
    token_url: str | None = None
    userdata_url: str | None = None
    """Endpoints; none means the issuer's own discovery document tells."""
    ca_file: str | None = None
    """File of the CA to trust for token_url and userdata_url, instead of the public ones."""


def external_client(identity: IdentitySettings) -> OidcClient:
    """Return the client of the external issuer of the settings.

    The secret is read here and nowhere else, as a secret; the loader has already
    refused an issuer without one.
    """
    return OidcClient(
        issuer=identity.issuer or "",
        client_id=identity.client_id or "",
        client_secret=pulumi.Config("coffea-casa").require_secret("clientSecret"),
    )


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What Dex needs."""

    facility: Facility
    public_url: str
    """The facility's address in browsers."""
    users: tuple[str, ...]
    """E-mail addresses."""
    certificate: ServerCertificate


def password_variable(index: int) -> str:
    """Return the environment variable that carries the hash of the password of user number ``index``."""
    return f"DEX_PASSWORD_HASH_{index}"


def dex_config(public_url: str, users: tuple[str, ...]) -> str:
    """Return Dex's configuration (YAML); secrets are named by environment variable, never contained."""
    return yaml.safe_dump(
        {
            "issuer": public_url + PATH,
            "storage": {"type": "sqlite3", "config": {"file": "/var/lib/dex/dex.db"}},
            "web": {
                "https": f"0.0.0.0:{PORT}",
                "tlsCert": "/etc/coffea-casa/identity-tls/tls.crt",
                "tlsKey": "/etc/coffea-casa/identity-tls/tls.key",
            },
            "frontend": {"dir": "/usr/share/dex/web", "issuer": "Coffea-casa"},
            "logger": {"level": "info", "format": "json"},
            # One client, the facility's own hub: asking the user to approve it tells them nothing.
            "oauth2": {"skipApprovalScreen": True, "responseTypes": ["code"]},
            "enablePasswordDB": True,
            "staticClients": [
                {
                    "id": CLIENT_ID,
                    "name": "Coffea-casa",
                    "secretEnv": "DEX_CLIENT_SECRET",
                    "redirectURIs": [f"{public_url}/hub/oauth_callback"],
                }
            ],
            "staticPasswords": [
                {
                    "email": email,
                    "username": email.split("@", 1)[0],
                    # Stable over restarts and reinstallations, or users would become strangers to themselves.
                    "userID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}")),
                    "hashFromEnv": password_variable(index),
                }
                for index, email in enumerate(users)
            ],
        },
        sort_keys=True,
    )


class Identity(FacilityComponent):
    """Dex with the users of the settings, each with a generated password."""

    client: OidcClient
    """The hub's client."""
    hub_service: HubService
    """Dex as a service of the hub, so that browsers find it under the facility's own address."""
    passwords: Mapping[str, pulumi.Output[str]]
    """User to password, secret."""

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("coffea-casa:index:Identity", name, args.facility, opts, {"users": list(args.users)})
        client_secret = random.RandomPassword(
            f"{name}-client-secret", length=48, special=False, opts=self.child(protect=True)
        )
        passwords = {
            # Not protected: a user taken off the list must go without further ado.
            email: random.RandomPassword(
                f"{name}-password-{email}", length=20, special=False, opts=self.child()
            )
            for email in args.users
        }
        secrets: dict[str, pulumi.Input[str]] = {"DEX_CLIENT_SECRET": client_secret.result}
        for index, email in enumerate(args.users):
            secrets[password_variable(index)] = passwords[email].bcrypt_hash
        config = dex_config(args.public_url, args.users)
        config_map(self, COMPONENT, f"{name}-config", {"config.yaml": config})
        secret(self, COMPONENT, f"{name}-secrets", secrets)
        secret(self, COMPONENT, f"{name}-tls", args.certificate.as_secret(), "kubernetes.io/tls")
        claim(self, COMPONENT, f"{name}-db", "1Gi", protect=False)
        deployment(
            self,
            COMPONENT,
            [
                Container(
                    name="dex",
                    image="identity",
                    command=["dex", "serve", "/etc/coffea-casa/identity/config.yaml"],
                    ports={"https": PORT},
                    probes=Probes(get=http_get(f"{PATH}/healthz", PORT, "HTTPS")),
                    resources=resources("20m", "64Mi", "256Mi"),
                    environment=[secret_variable(key, f"{name}-secrets", key) for key in secrets],
                    mounts=[
                        Mount(name="config", path="/etc/coffea-casa/identity", config_map=f"{name}-config"),
                        Mount(name="tls", path="/etc/coffea-casa/identity-tls", secret=f"{name}-tls"),
                        Mount(name="db", path="/var/lib/dex", claim=f"{name}-db"),
                        TMP,
                    ],
                )
            ],
            checksums={
                "config": checksum(config),
                "secrets": secret_checksum(secrets),
                "tls": secret_checksum(args.certificate.as_secret()),
            },
            replace=True,
        )
        service(self, COMPONENT, "identity", {"https": PORT})
        receive(self, COMPONENT, {"hub": ports(PORT), "proxy": ports(PORT)})
        inside = f"https://identity:{PORT}{PATH}"
        self.client = OidcClient(
            issuer=args.public_url + PATH,
            client_id=CLIENT_ID,
            client_secret=client_secret.result,
            authorize_url=f"{args.public_url}{PATH}/auth",
            token_url=f"{inside}/token",
            userdata_url=f"{inside}/userinfo",
            ca_file=f"/etc/coffea-casa/ca/{CA_KEY}",
        )
        self.hub_service = HubService(name="dex", url=f"https://identity:{PORT}")
        self.passwords = {email: password.result for email, password in passwords.items()}
        self.register_outputs({"issuer": self.client.issuer})
