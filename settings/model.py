"""Every value a stack file may hold, as frozen dataclasses.

The JSON Schema of the stack files, ``docs/settings.md`` and the declarations of
``Pulumi.yaml`` are generated from these classes, with each field's docstring as
its description. Keys in a stack file are the field names in camelCase under the
project's name, such as ``coffea-casa:daskGateway``.

Sizes of memory and storage are Kubernetes quantities with a binary suffix
("512Mi", "2Gi"); times are seconds; cores may be fractions of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Kubernetes:
    """The cluster the facility is put in."""

    context: str | None = None
    """Context of the kubeconfig; none means its current one."""
    storage_class: str | None = None
    """StorageClass of every volume; none means the cluster's default."""
    dns_domain: str = "cluster.local"
    """DNS domain of the cluster's Services."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Where the container images come from."""

    registry: str = "localhost/coffea-casa"
    """Registry and path that ``make images REGISTRY=...`` pushed to; no trailing slash."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """Kubernetes imagePullPolicy of every container."""
    pull_secret: str | None = None
    """Name of an existing Secret of type kubernetes.io/dockerconfigjson in the namespace."""
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image name (hub, session, ...) to a full reference with tag or digest, never :latest."""


@dataclass(frozen=True, kw_only=True)
class Balancer:
    """What the cluster's load balancer is told of a Service."""

    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Annotations of the Service, as the balancer or a DNS controller wants them."""
    class_name: str | None = None
    """loadBalancerClass of the Service; none means the cluster's default. It cannot be changed later."""


@dataclass(frozen=True, kw_only=True)
class Ingress:
    """An Ingress to the proxy, for a controller that the cluster has and that holds the certificate."""

    class_name: str | None = None
    """IngressClass; none means the cluster's default."""
    tls_secret: str | None = None
    """Name of a kubernetes.io/tls Secret in the namespace, existing or kept by cert-manager; none means that
    the controller has a certificate of its own for the host."""
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the controller is told: sizes of uploads and time-outs of web sockets above all, which have to be
    hours."""
    controller_namespace: str | None = None
    """Namespace of the controller's pods, from where alone the proxy is reached then; none means from
    everywhere, for a controller on its nodes' own network."""

    @property
    def asks_for_certificate(self) -> bool:
        """Whether cert-manager makes the Secret (its documentation, "Annotated Ingress resource")."""
        return any(key.startswith("cert-manager.io/") for key in self.annotations)


@dataclass(frozen=True, kw_only=True)
class Public:
    """How browsers reach the facility."""

    url: str = "https://localhost:30443"
    """Address users type; https unless the host is localhost."""
    tls: Literal["facility", "secret", "external"] = "facility"
    """Who holds the certificate: the facility's CA, an existing Secret, or something in front."""
    tls_secret: str | None = None
    """Name of an existing kubernetes.io/tls Secret; required by (and only with) tls: secret."""
    service: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "NodePort"
    """Type of the Service proxy-public."""
    node_port: int | None = None
    """Fixed port of every node, 30000 to 32767; only with service: NodePort."""
    load_balancer: Balancer | None = None
    """What the cluster's balancer is told; only with service: LoadBalancer."""
    ingress: Ingress | None = None
    """An Ingress to the proxy; only with tls: external and service: ClusterIP."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who says who a user is. With no issuer the facility runs Dex itself."""

    issuer: str | None = None
    """https URL of an OIDC issuer; needs clientId and the secret coffea-casa:clientSecret."""
    client_id: str | None = None
    """The facility's client at that issuer."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    """Scopes asked for at log-in; openid must be one."""
    username_claim: str = "email"
    """Claim that becomes the JupyterHub user name."""
    groups_claim: str | None = None
    """Claim that lists the user's groups; required by access.groups and access.adminGroups."""
    users: tuple[str, ...] = ("physicist@example.org",)
    """Users of the facility's own Dex, as e-mail addresses, each with a generated password;
    the first is allowed in and may not be named elsewhere. Unused with an issuer."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may log in. Nobody by default, except the first user of the facility's own Dex."""

    users: tuple[str, ...] = ()
    """User names allowed in."""
    groups: tuple[str, ...] = ()
    """Groups whose members are allowed in."""
    admins: tuple[str, ...] = ()
    """User names with JupyterHub's admin rights."""
    admin_groups: tuple[str, ...] = ()
    """Groups whose members have admin rights."""
    everyone: bool = False
    """Lets in whoever the issuer knows; contradicts users and groups."""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """JupyterHub itself."""

    concurrent_spawns: int = 16
    """Notebook servers that may be starting at once, 1 to 256."""
    idle_timeout: int = 3600
    """Seconds without activity after which a server is stopped; at least 60."""
    max_age: int = 0
    """Seconds after which a server is stopped though active; 0 means never."""
    database_size: str = "1Gi"
    """Size of the volume of the hub's database."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One line of the spawn page: a size, and an image if not the facility's."""

    name: str
    """Short unique name, lower-case letters, digits and hyphens."""
    title: str
    """What the user reads."""
    description: str = ""
    """A sentence under the title."""
    cores: float = 2
    """Cores the session may use at most."""
    cores_request: float = 0.5
    """Cores kept for the session; not above cores."""
    memory: str = "4Gi"
    """Memory the session may use at most."""
    memory_request: str = "1Gi"
    """Memory kept for the session; not above memory."""
    image: str | None = None
    """Full image reference with tag or digest; none means the facility's session image."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A directory of the site's, such as data or software, where users' code runs."""

    name: str
    """Short unique name, lower-case letters, digits and hyphens."""
    claim: str
    """Name of an existing PersistentVolumeClaim in the namespace that many pods can mount."""
    mount_path: str
    """Where it is seen, such as /data or /cvmfs; nothing that the image or the session has already."""
    read_only: bool = True
    """Whether nobody may write; if not, everybody may, as user and group 1000."""
    automounts: bool = False
    """Whether file systems that come to be mounted in it are seen, as CVMFS mounts a repository at the first
    look (mountPropagation: HostToContainer)."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """Users' notebook servers."""

    profiles: tuple[Profile, ...] = (Profile(name="standard", title="Standard"),)
    """Choices of the spawn page; the first is the default."""
    home_size: str = "10Gi"
    """Size of each user's home volume."""
    start_timeout: int = 300
    """Seconds a server may take to start, image pull included."""
    volumes: tuple[Volume, ...] = ()
    """Directories of the site's in every session, Dask scheduler and worker, and node of an embedded pool."""


@dataclass(frozen=True, kw_only=True)
class WorkerSize:
    """Size of one Dask worker or scheduler pod."""

    cores: float = 1
    """Cores, which is also the number of threads of a worker."""
    cores_request: float = 0.5
    """Cores kept for the pod; not above cores."""
    memory: str = "2Gi"
    """Memory, kept and at most."""


@dataclass(frozen=True, kw_only=True)
class UserLimits:
    """What one user may hold at a time over all of their gateway clusters."""

    clusters: int = 2
    """Clusters."""
    cores: float = 32
    """Cores of all schedulers and workers together."""
    memory: str = "64Gi"
    """Memory of all schedulers and workers together."""


@dataclass(frozen=True, kw_only=True)
class DaskGateway:
    """Dask clusters in Kubernetes."""

    install_crd: bool = True
    """Install the DaskCluster CRD, which the facilities of a cluster share. One of them at least says true,
    best the one with the newest release; it stays when they go."""
    idle_timeout: int = 1800
    """Seconds without work after which a cluster ends; at least 60."""
    scheduler: WorkerSize = WorkerSize()
    """Size of each scheduler."""
    worker: WorkerSize = WorkerSize()
    """Size of each worker, and the most a user may ask for."""
    limits: UserLimits = UserLimits()
    """Limits of one user."""


@dataclass(frozen=True, kw_only=True)
class DaskRouter:
    """How computers outside reach the Dask schedulers in sessions: users' own, and workers of other sites."""

    service: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "NodePort"
    """Type of the Service dask-router-public. A NodePort is open on the router's own node alone."""
    port: int = 30786
    """Port that they connect to; with service: NodePort 30000 to 32767, and not public.nodePort."""
    load_balancer: Balancer | None = None
    """What the cluster's balancer is told; only with service: LoadBalancer."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a user's session shows to caches and other servers: a data token and two certificates."""

    data_token: Literal["facility", "identity"] = "facility"
    """Whose data token sessions get: the facility's own, or the access token of the user's log-in."""
    token_lifetime: int = 21600
    """Seconds a data token of the facility lives, 300 to 86400; sessions get a new one long before."""
    certificate_lifetime: int = 604800
    """Seconds a user's certificates live, 3600 to 2592000; not below tokenLifetime."""
    key_generation: int = 1
    """Number of the key that signs data tokens, from 1 on; raise it by one to rotate keys."""
    data_scopes: tuple[str, ...] = ("storage.read:/",)
    """What a data token allows, as storage.read:/PATH; {slug} in a path is the user's own label."""
    audience: tuple[str, ...] = ()
    """Whom a data token is for, as the caches' own configuration says it; none means the facility's cache."""


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Somebody outside whose data tokens the cache takes as well, such as an experiment's IAM."""

    issuer: str
    """https address, letter by letter what tokens have as their ``iss``."""
    base_paths: tuple[str, ...] = ("/",)
    """What the paths of a token's scopes start from; / for scopes that write whole paths."""


@dataclass(frozen=True, kw_only=True)
class XCache:
    """A cache of remote data beside the sessions (XRootD's proxy file cache)."""

    origin: str
    """HOST or HOST:PORT of the XRootD server or redirector that has the data; port 1094 unless written."""
    prefix: str
    """Path that may be read, with everything below it, such as /eos/opendata; never the whole origin."""
    origin_cidrs: tuple[str, ...] = ()
    """Addresses of the origin and of the servers that it redirects to; none means every public one."""
    mode: Literal["public", "authorised"] = "public"
    """Who may read: every session, or whoever shows a data token for the path (over TLS)."""
    audience: str | None = None
    """Name that data tokens must be for; none means https://HOST:1094. Only with mode: authorised."""
    issuers: tuple[TokenIssuer, ...] = ()
    """Issuers besides the facility's own whose tokens are good. Only with mode: authorised."""
    upstream: Literal["none", "token", "x509"] = "none"
    """What the cache shows the origin of its own; users' tokens never get there."""
    upstream_secret: str | None = None
    """Name of an existing Secret in the namespace with the key token, or tls.crt and tls.key (RSA), or proxy,
    and ca.pem for CAs of the origin that are not public; required by upstream: token and upstream: x509."""
    replicas: int = 1
    """Caches, 1 to 32; from 2 on a redirector in front of them sees that each file is in one only."""
    size: str = "20Gi"
    """Size of each cache's volume."""
    high_watermark: float = 0.9
    """Part of the size above which files are thrown away, least recently read first; at most 0.95."""
    low_watermark: float = 0.8
    """Part of the size down to which files are thrown away, what was just read aside; below highWatermark."""
    block_size: str = "512Ki"
    """What is fetched from the origin at a time, 4Ki to 64Mi; small for sparse columns."""
    prefetch: int = 0
    """Blocks fetched ahead of a reader for each file, 0 to 128; 0 suits columnar analyses."""
    memory: str = "1Gi"
    """Memory for blocks on their way to the volume; at least 1Gi."""


@dataclass(frozen=True, kw_only=True)
class ExecuteNodes:
    """Pods of an embedded pool that run jobs, each for one user at a time."""

    count: int = 2
    """Pods, 0 to 1000."""
    cores: int = 2
    """Cores that each offers to jobs."""
    cores_request: float = 0.5
    """Cores kept for the pod; not above cores."""
    memory: str = "4Gi"
    """Memory that each offers to jobs, kept for the pod and, with a little more for HTCondor, at most."""
    scratch: str = "10Gi"
    """Disk for jobs' files."""
    drain_seconds: int = 60
    """Seconds a job may take to end when its pod is taken away, 0 to 3600."""


@dataclass(frozen=True, kw_only=True)
class CondorWorker:
    """Size of each Dask worker of CoffeaCasaCluster, unless a user asks for another."""

    cores: int = 1
    """Cores, which is also the number of threads."""
    memory: str = "2Gi"
    """Memory; with mode: embedded not above pool.nodes.memory."""
    disk: str = "1Gi"
    """Disk."""


@dataclass(frozen=True, kw_only=True)
class OutsidePool:
    """An HTCondor pool that is not the facility's: where it is, and what runs Dask's workers there."""

    collector: str
    """HOST[:PORT] of the site's collector; port 9618 unless said."""
    cidrs: tuple[str, ...]
    """Addresses of the site's central manager, access point and execute nodes."""
    worker_ports: tuple[int, ...] = (10000, 10999)
    """First and last port that Dask's workers listen on at the site, open from this cluster."""
    universe: Literal["container", "docker", "vanilla"] = "container"
    """What Dask's workers run in: an image by Apptainer or Docker, by Docker on the host's network, or none,
    on nodes that have the execute image's programs at the same paths."""
    image: str | None = None
    """This release's execute image, as the site's machines pull it; none means from images.registry. Unused
    with vanilla."""


@dataclass(frozen=True, kw_only=True)
class SitePool(OutsidePool):
    """A site's own HTCondor pool, which runs what this facility has no room for (``mode: flock``)."""

    trust_domain: str
    """The site's TRUST_DOMAIN, which its token names as its issuer."""
    token_secret: str
    """Secret in the facility's namespace with, as its key ``token``, the site's one token for this access
    point, for READ, ADVERTISE_MASTER and ADVERTISE_SCHEDD and nothing else."""
    address: str
    """Host name or address at which the site's machines reach this access point."""
    port: int = 9618
    """Port of that address, which the access point itself listens on, too."""
    service: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    """How the cluster shows the access point to the site; ClusterIP where something of yours does."""
    load_balancer: Balancer | None = None
    """What the cluster's balancer is told; only with service: LoadBalancer."""


@dataclass(frozen=True, kw_only=True)
class RemotePool(OutsidePool):
    """A site's own access point, which sessions submit to (``mode: remote``)."""

    schedd: str
    """The site's SCHEDD_NAME, as condor_status -schedd shows it."""
    tokens: Literal["scitokens", "service", "secrets"] = "scitokens"
    """What users show there: a SciToken of this facility's, which the site checks with the keys at
    PUBLIC_URL/hub/issuer; an IDTOKEN of the site's own, from its token service, which checks with the same
    keys who asks; or one from a Secret for each user."""
    audience: str | None = None
    """Whom SciTokens are for, the site's SCITOKENS_SERVER_AUDIENCE; or the name of the token service."""
    service: str | None = None
    """https address of the site's token service, such as https://HOST/v1/token, in ``cidrs``."""
    ca_config_map: str | None = None
    """ConfigMap in the facility's namespace with, as its key ``ca.pem``, the CA that signed for whom sessions
    show a token of this facility's: the site's AUTH_SSL_SERVER_CERTFILE, or its token service; none means the
    public ones."""
    secret: str | None = None
    """What the names of the Secrets in the facility's namespace begin with, before a hyphen and the user's
    label; each has the user's IDTOKEN as its key ``token``."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """HTCondor for CoffeaCasaCluster and condor_submit."""

    mode: Literal["embedded", "flock", "remote"]
    """Whose pool: one in the facility's namespace, or a site's, reached from an access point here (flock) or
    by submission to the site's own (remote)."""
    trust_domain: str
    """HTCondor's TRUST_DOMAIN: who says who somebody is, which tokens name as their issuer; the site's with
    remote."""
    uid_domain: str
    """HTCondor's UID_DOMAIN: what stands behind the @ of users' names; another one than trustDomain, or the
    site's with remote."""
    signing_key: str | None = None
    """Never to be set: a pool's key makes whoever holds it everybody in that pool."""
    token_lifetime: int = 21600
    """Seconds a user's token for HTCondor lives, 300 to 86400; sessions get a new one long before."""
    jobs_per_user: int = 200
    """Jobs that one user may have in the queue, 1 to 10000."""
    queue_size: str = "5Gi"
    """Size of the volume of the queue and of the files that jobs bring and leave."""
    nodes: ExecuteNodes = ExecuteNodes()
    """What runs jobs with ``mode: embedded``."""
    site: SitePool | None = None
    """Who runs them with ``mode: flock``."""
    remote: RemotePool | None = None
    """Who queues and runs them with ``mode: remote``."""
    worker: CondorWorker = CondorWorker()
    """Size of each Dask worker."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """Lets `make health` in: a service of the hub that may start the server of one user of its own."""

    file: str | None = None
    """Path below xcache.prefix of a small NanoAOD file, which is read through the cache; none means that the
    cache is only asked whether it is there."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the NetworkPolicies need to know of the cluster."""

    api_server_cidrs: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    """Addresses of the Kubernetes API server as pods reach it."""
    api_server_ports: tuple[int, ...] = (443, 6443)
    """Ports of the Kubernetes API server, of its Service and of the server itself."""
    monitoring_namespace: str | None = None
    """Namespace whose pods may read the metrics, where a Prometheus runs; none means nobody may."""
    internet: bool = True
    """Lets sessions and workers open connections to public addresses."""
    private_cidrs: tuple[str, ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
    """Addresses that are not the internet."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One facility, as its stack file describes it."""

    namespace: str
    """Kubernetes namespace, made by the stack; the stack's name unless set."""
    kubernetes: Kubernetes = Kubernetes()
    """The cluster the facility is put in."""
    images: Images = field(default_factory=Images)
    """Where the container images come from."""
    public: Public = Public()
    """How browsers reach the facility."""
    identity: Identity = Identity()
    """Who says who a user is."""
    access: Access = Access()
    """Who may log in."""
    hub: Hub = Hub()
    """JupyterHub itself."""
    session: Session = Session()
    """Users' notebook servers."""
    dask_gateway: DaskGateway = DaskGateway()
    """Dask clusters in Kubernetes."""
    dask_router: DaskRouter | None = None
    """How computers outside reach the Dask schedulers in sessions; none means they do not."""
    credentials: Credentials = Credentials()
    """What a user's session shows to caches and other servers: a data token and two certificates."""
    xcache: XCache | None = None
    """A cache of remote data; none means sessions read from the origin themselves."""
    pool: Pool | None = None
    """HTCondor; none means Dask in Kubernetes alone."""
    health: Health | None = None
    """Lets `make health` in; none means that nobody but people may log in."""
    network: Network = Network()
    """What the NetworkPolicies need to know of the cluster."""
