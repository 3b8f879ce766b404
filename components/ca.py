"""The facility's certificate authority.

Key usage, subject and authority key identifiers are set on every certificate, as
RFC 5280 (sections 4.2.1.1 to 4.2.1.3) asks and strict verifiers insist: OpenSSL
with -x509_strict, and Python's default context from 3.13 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import pulumi
import pulumi_tls as tls

from components.base import Facility, FacilityComponent
from components.workload import config_map

CA_CONFIG_MAP = "facility-ca"
CA_KEY = "ca.pem"
"""ConfigMap and key that hold the CA's certificate."""

CA_HOURS = 10 * 365 * 24
"""Ten years: a new CA breaks whatever still trusts the old one."""
LEAF_HOURS = 365 * 24
LEAF_RENEWAL_HOURS = 30 * 24
"""Servers' and clients' certificates last a year; an `up` in its last 30 days makes new ones."""
ORGANIZATION = "Coffea-casa"
"""Of the facility's own programs; the issuer's certificates for users have another one."""


@dataclass(frozen=True, kw_only=True)
class CertificateAuthorityArgs:
    """What the authority needs."""

    facility: Facility
    public_url: str
    """The facility's address in browsers."""
    sign_public: bool
    """Whether this CA signs for that address too, as the server "proxy"."""
    servers: tuple[str, ...]
    """Services of the namespace that get a certificate. It is for the public host as well: the proxy
    hands requests on with the browser's Host, and checks the certificate against that."""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Server to DNS names that it has besides those of its Service, such as those of its pods."""
    clients: tuple[str, ...] = ()
    """Programs of the facility that show who they are by a certificate with their name."""


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """A server's, or a client's, key and certificate chain, PEM."""

    key: pulumi.Output[str]
    """PKCS #8, secret."""
    chain: pulumi.Output[str]
    """Its own certificate, then the CA's."""

    def as_secret(self) -> dict[str, pulumi.Input[str]]:
        """Return the data of a Secret of type kubernetes.io/tls."""
        return {"tls.crt": self.chain, "tls.key": self.key}


@dataclass(frozen=True)
class _Names:
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def public_names(url: str) -> _Names:
    """Return the names of the server behind ``url``; localhost is reached by its addresses as well."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return _Names(dns=(host,), addresses=("127.0.0.1", "::1"))
    try:
        return _Names(addresses=(str(ip_address(host)),))
    except ValueError:
        return _Names(dns=(host,))


def dask_domain(url: str) -> str | None:
    """Return the domain of sessions' names outside; none where ``url`` has an address and no name."""
    return next((f"dask.{host}" for host in public_names(url).dns), None)


class CertificateAuthority(FacilityComponent):
    """The CA (ECDSA P-256) and the certificates of the facility's own servers and clients."""

    certificate: pulumi.Output[str]
    """The CA's certificate, PEM."""
    key: pulumi.Output[str]
    """The CA's key, PEM, secret: for the CredentialIssuer, which signs for users, and for no other pod."""
    servers: Mapping[str, ServerCertificate]
    """Server name to its certificate, for servers only."""
    clients: Mapping[str, ServerCertificate]
    """Client name to its certificate, for clients only."""

    def __init__(
        self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("coffea-casa:index:CertificateAuthority", name, args.facility, opts)
        key = tls.PrivateKey(
            f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=self.child(protect=True)
        )
        authority = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=key.private_key_pem,
            is_ca_certificate=True,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            set_subject_key_id=True,
            set_authority_key_id=True,
            subject=tls.SelfSignedCertSubjectArgs(
                common_name=f"{args.facility.namespace} certificate authority", organization=ORGANIZATION
            ),
            validity_period_hours=CA_HOURS,
            opts=self.child(protect=True),
        )
        self.certificate, self.key = authority.cert_pem, key.private_key_pem
        public = public_names(args.public_url)
        names = {
            server: _Names(
                (*args.facility.service_names(server), *args.names.get(server, ()), *public.dns),
                public.addresses,
            )
            for server in args.servers
        }
        if args.sign_public:
            names["proxy"] = public
        self.servers = {
            server: self._leaf(f"{name}-{server}", server, "server_auth", names[server], key, authority)
            for server in names
        }
        self.clients = {
            client: self._leaf(f"{name}-{client}-client", client, "client_auth", _Names(), key, authority)
            for client in args.clients
        }
        config_map(self, "ca", CA_CONFIG_MAP, {CA_KEY: self.certificate})
        self.register_outputs({"certificate": self.certificate})

    def _leaf(
        self,
        name: str,
        common_name: str,
        use: str,
        names: _Names,
        ca_key: tls.PrivateKey,
        authority: tls.SelfSignedCert,
    ) -> ServerCertificate:
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=self.child())
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=common_name, organization=ORGANIZATION),
            dns_names=list(names.dns),
            ip_addresses=list(names.addresses),
            opts=self.child(),
        )
        leaf = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=ca_key.private_key_pem,
            ca_cert_pem=authority.cert_pem,
            allowed_uses=["digital_signature", use],
            set_subject_key_id=True,
            validity_period_hours=LEAF_HOURS,
            early_renewal_hours=LEAF_RENEWAL_HOURS,
            opts=self.child(),
        )
        return ServerCertificate(
            key=key.private_key_pem_pkcs8, chain=pulumi.Output.concat(leaf.cert_pem, authority.cert_pem)
        )
