"""Composition of one facility: settings, provider, components, outputs; nothing else."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.base import Facility
from components.ca import CertificateAuthority, CertificateAuthorityArgs
from components.condor_bridge import CondorBridge, CondorBridgeArgs
from components.credentials import CredentialIssuer, CredentialIssuerArgs, issuer
from components.dask_gateway import DaskGateway, DaskGatewayArgs
from components.dask_router import DaskRouter, DaskRouterArgs, session_door
from components.hub import HEALTH_USER, Hub, HubArgs
from components.identity import Identity, IdentityArgs, external_client
from components.namespace import Namespace, NamespaceArgs
from components.network import EXECUTE, SCHEDULER, SESSION, WORKER
from components.session import SessionContribution
from components.site_volumes import site_volumes
from components.xcache import XCache, XCacheArgs, node_names
from settings.pulumi_config import from_pulumi

settings = from_pulumi()
facility = Facility.of(settings)
provider = k8s.Provider(
    "cluster",
    context=settings.kubernetes.context,
    # A ConfigMap or Secret that changes is changed, not deleted and made again.
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
    # The facility stays itself when the address in the kubeconfig changes.
    cluster_identifier=settings.kubernetes.context,
)
everywhere = pulumi.ResourceOptions(providers=[provider])
namespace = Namespace("namespace", NamespaceArgs(facility=facility), everywhere)
inside = pulumi.ResourceOptions(providers=[provider], depends_on=[namespace])

own_identity = settings.identity.issuer is None
authorised = settings.xcache is not None and settings.xcache.mode == "authorised"
own_nodes = settings.pool is not None and settings.pool.mode == "embedded"
servers = {"credentials": True, "identity": own_identity, "xcache": authorised}
ca = CertificateAuthority(
    "ca",
    CertificateAuthorityArgs(
        facility=facility,
        public_url=settings.public.url,
        sign_public=settings.public.tls == "facility",
        servers=tuple(server for server, present in servers.items() if present),
        names={"xcache": node_names(facility)},
        clients=("hub",),
    ),
    inside,
)
if own_identity:
    identity = Identity(
        "identity",
        IdentityArgs(
            facility=facility,
            public_url=settings.public.url,
            users=settings.identity.users,
            certificate=ca.servers["identity"],
        ),
        inside,
    )
    client, identity_services = identity.client, (identity.hub_service,)
    pulumi.export("firstUser", settings.identity.users[0])
    pulumi.export("firstPassword", identity.passwords[settings.identity.users[0]])
    pulumi.export("passwords", pulumi.Output.secret(identity.passwords))
else:
    client, identity_services = external_client(settings.identity), ()

shared: list[SessionContribution] = [site_volumes(settings.session.volumes)]
audience, verifiers = settings.public.url, ()
if settings.xcache:
    cache = XCache(
        "xcache",
        XCacheArgs(
            facility=facility,
            settings=settings.xcache,
            private_cidrs=settings.network.private_cidrs,
            readers=(SESSION, SCHEDULER, WORKER, *((EXECUTE,) if own_nodes else ())),
            monitoring=settings.network.monitoring_namespace,
            issuer=issuer(facility),
            certificate=ca.servers.get("xcache"),
        ),
        inside,
    )
    shared.append(cache.contribution)
    audience, verifiers = cache.audience, cache.verifiers
pool = None
if settings.pool:
    pool = CondorBridge(
        "condor",
        CondorBridgeArgs(
            facility=facility,
            settings=settings.pool,
            network=settings.network,
            contributions=tuple(shared),
            door=session_door(settings.dask_router, settings.public.url),
        ),
        inside,
    )
credentials = CredentialIssuer(
    "credentials",
    CredentialIssuerArgs(
        facility=facility,
        settings=settings.credentials,
        public_url=settings.public.url,
        audience=settings.credentials.audience or (audience,),
        ca_certificate=ca.certificate,
        ca_key=ca.key,
        certificate=ca.servers["credentials"],
        verifiers=verifiers,
        pool=pool.tokens if pool else None,
    ),
    inside,
)
shared.append(credentials.contribution)
gateway = DaskGateway(
    "dask-gateway",
    DaskGatewayArgs(
        facility=facility,
        settings=settings.dask_gateway,
        network=settings.network,
        public_url=settings.public.url,
        contributions=tuple(shared),
    ),
    inside,
)
router = DaskRouter(
    "dask-router",
    DaskRouterArgs(facility=facility, settings=settings.dask_router, public_url=settings.public.url),
    inside,
)
hub = Hub(
    "hub",
    HubArgs(
        facility=facility,
        settings=settings,
        client=client,
        ca_certificate=ca.certificate,
        certificate=ca.servers.get("proxy"),
        issuer_url=credentials.url,
        issuer_client=ca.clients["hub"],
        public_keys_url=credentials.public_keys_url,
        contributions=(
            *shared,
            gateway.contribution,
            *((pool.contribution,) if pool else ()),
            router.contribution,
        ),
        services=(*identity_services, gateway.hub_service),
        door=router.door,
    ),
    inside,
)
if hub.health_token is not None:
    pulumi.export("healthUser", HEALTH_USER)
    pulumi.export("healthToken", pulumi.Output.secret(hub.health_token))
pulumi.export("url", hub.url)
pulumi.export("namespace", facility.namespace)
pulumi.export("caCertificate", ca.certificate)
