"""Small typed builders of the parts that every workload has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.apps.v1 import (
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
    StatefulSetPersistentVolumeClaimRetentionPolicyArgs,
    StatefulSetSpecArgs,
)
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ExecActionArgs,
    HTTPGetActionArgs,
    LocalObjectReferenceArgs,
    PersistentVolumeClaimArgs,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecretKeySelectorArgs,
    SecretVolumeSourceArgs,
    SecurityContextArgs,
    ServicePortArgs,
    ServiceSpecArgs,
    TCPSocketActionArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.base import Facility, FacilityComponent, selector

UID = 1000
"""User and group of every process of the facility; the images' own user."""


def metadata(
    facility: Facility, component: str, name: str, annotations: Mapping[str, str] | None = None
) -> ObjectMetaArgs:
    """Return the metadata of a namespaced object with a fixed name.

    Names are fixed because pods, certificates and users' notebooks call these objects by them.
    """
    return ObjectMetaArgs(
        name=name,
        namespace=facility.namespace,
        labels=facility.labels(component),
        annotations=dict(annotations) if annotations else None,
    )


def checksum(text: str) -> str:
    """Return the digest that an annotation ``checksum/NAME`` carries."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def secret_checksum(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Return a digest of secret values that is itself no secret.

    A secret annotation would turn the whole pod template into "[secret]" in a
    preview. 64 bits of a hash of values of 128 random bits and more tell nothing.
    """
    joined = pulumi.Output.all(*(values[key] for key in sorted(values))).apply(
        lambda parts: checksum("\0".join(str(part) for part in parts))
    )
    return pulumi.Output.unsecret(joined)


def pod_security() -> PodSecurityContextArgs:
    """Return the pod half of Pod Security "restricted"."""
    return PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=UID,
        run_as_group=UID,
        fs_group=UID,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> SecurityContextArgs:
    """Return the container half of Pod Security "restricted", with a read-only root."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
    )


def resources(cores: str, memory: str, memory_limit: str) -> ResourceRequirementsArgs:
    """Return requests and a memory limit. No limit on cores: throttling a proxy helps nobody."""
    return ResourceRequirementsArgs(
        requests={"cpu": cores, "memory": memory}, limits={"memory": memory_limit}
    )


def http_get(path: str, port: int, scheme: Literal["HTTP", "HTTPS"] = "HTTP") -> HTTPGetActionArgs:
    """Return what a probe asks for."""
    return HTTPGetActionArgs(path=path, port=port, scheme=scheme)


@dataclass(frozen=True, kw_only=True)
class Probes:
    """When a container counts as started, ready and alive: the same question, with growing patience."""

    get: HTTPGetActionArgs | None = None
    command: tuple[str, ...] = ()
    """Run in the container where there is nothing to ``get``; it answers by its exit status."""
    port: int | None = None
    """TCP port that takes connections, where nothing else can be asked."""
    start_seconds: int = 120

    def startup(self) -> ProbeArgs:
        """Every second at first, so that a quick start is seen at once."""
        return self._probe(period=1, timeout=5, failures=self.start_seconds)

    def readiness(self) -> ProbeArgs:
        return self._probe(period=5, timeout=5, failures=3)

    def liveness(self) -> ProbeArgs:
        return self._probe(period=10, timeout=10, failures=6)

    def _probe(self, *, period: int, timeout: int, failures: int) -> ProbeArgs:
        return ProbeArgs(
            http_get=self.get,
            exec_=ExecActionArgs(command=list(self.command)) if self.command else None,
            tcp_socket=TCPSocketActionArgs(port=self.port) if self.port else None,
            period_seconds=period,
            timeout_seconds=timeout,
            failure_threshold=failures,
        )


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A volume and where a container sees it: exactly one of the sources."""

    name: str
    path: str
    config_map: str | None = None
    secret: str | None = None
    claim: str | None = None
    memory_dir: bool = False
    """An empty directory that lives as long as the pod."""
    size: str = "256Mi"
    """What the empty directory may take, a Kubernetes quantity."""
    secret_dir: bool = False
    """The same, but never on a disk."""
    template: bool = False
    """A volume of the pod's own, from its StatefulSet's claim template of the same name."""
    looked_at: bool = False
    """Read-only for this container, whatever the source."""
    automounts: bool = False
    """Whether what is mounted in it later is seen (Kubernetes: "Mount propagation")."""

    def volume(self) -> VolumeArgs:
        """Return the pod's side."""
        return VolumeArgs(
            name=self.name,
            config_map=ConfigMapVolumeSourceArgs(name=self.config_map) if self.config_map else None,
            secret=SecretVolumeSourceArgs(secret_name=self.secret, default_mode=0o440)
            if self.secret
            else None,
            persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(
                claim_name=self.claim, read_only=self.looked_at or None
            )
            if self.claim
            else None,
            empty_dir=self._empty_dir(),
        )

    def _empty_dir(self) -> EmptyDirVolumeSourceArgs | None:
        if self.secret_dir:
            return EmptyDirVolumeSourceArgs(medium="Memory", size_limit="1Mi")
        return EmptyDirVolumeSourceArgs(size_limit=self.size) if self.memory_dir else None

    def mount(self) -> VolumeMountArgs:
        """Return the container's side."""
        writable = self.memory_dir or self.secret_dir or self.template or self.claim is not None
        read_only = self.looked_at or not writable
        return VolumeMountArgs(
            name=self.name,
            mount_path=self.path,
            read_only=read_only or None,
            mount_propagation="HostToContainer" if self.automounts else None,
        )


TMP = Mount(name="tmp", path="/tmp", memory_dir=True)
"""Scratch space for a container whose root file system is read-only."""


def variable(name: str, value: str) -> EnvVarArgs:
    """Return an environment variable with a plain value."""
    return EnvVarArgs(name=name, value=value)


def secret_variable(name: str, secret: str, key: str) -> EnvVarArgs:
    """Return an environment variable read from a key of a Secret."""
    return EnvVarArgs(
        name=name,
        value_from=EnvVarSourceArgs(secret_key_ref=SecretKeySelectorArgs(name=secret, key=key)),
    )


@dataclass(frozen=True, kw_only=True)
class Container:
    """One long-running container."""

    name: str
    image: str
    """Name in the image table."""
    command: Sequence[str]
    """Arguments of the image's entry point, which is an init that reaps and passes signals on."""
    ports: Mapping[str, int]
    """Port name to number."""
    probes: Probes
    resources: ResourceRequirementsArgs
    environment: Sequence[EnvVarArgs] = ()
    mounts: Sequence[Mount] = ()
    sidecar: bool = False
    """Started before those that are none, which wait until it has; ends after them."""


def _container(facility: Facility, container: Container) -> ContainerArgs:
    return ContainerArgs(
        name=container.name,
        image=facility.image(container.image),
        image_pull_policy=facility.images.pull_policy,
        args=list(container.command),
        env=list(container.environment) or None,
        ports=[ContainerPortArgs(name=n, container_port=p) for n, p in container.ports.items()],
        # Kubernetes: "Sidecar Containers".
        restart_policy="Always" if container.sidecar else None,
        startup_probe=container.probes.startup(),
        readiness_probe=container.probes.readiness(),
        liveness_probe=container.probes.liveness(),
        resources=container.resources,
        security_context=container_security(),
        volume_mounts=[mount.mount() for mount in container.mounts] or None,
    )


def pull_secrets(facility: Facility) -> list[LocalObjectReferenceArgs] | None:
    """Return the Secrets that images are pulled with."""
    name = facility.images.pull_secret
    return [LocalObjectReferenceArgs(name=name)] if name else None


def deployment(
    owner: FacilityComponent,
    component: str,
    containers: Sequence[Container],
    *,
    checksums: Mapping[str, pulumi.Input[str]],
    replace: bool,
    replicas: int = 1,
    service_account: str | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
    grace_seconds: int | None = None,
    surge: bool = True,
    scaled_by_hand: bool = False,
) -> k8s.apps.v1.Deployment:
    """Make a component's Deployment.

    ``checksums`` (name to digest of each mounted ConfigMap and Secret) make pods
    roll exactly when what they mount changes. ``replace`` ends the old pod before
    the new one starts, for programs that keep state or own a volume. Only pods with
    a ``service_account`` get a token for the Kubernetes API. ``grace_seconds`` is how long
    a pod may take to end. Without ``surge`` half of the pods go before new ones come, for
    pods that fill their nodes. One that is ``scaled_by_hand`` is taken back by the next ``up``.
    """
    rolling = None if replace or surge else RollingUpdateDeploymentArgs(max_surge=0, max_unavailable="50%")
    # Without it `up` stops at whoever else has set a field, `kubectl scale` for one.
    force = {"pulumi.com/patchForce": "true"} if scaled_by_hand else None
    return k8s.apps.v1.Deployment(
        component,
        metadata=metadata(owner.facility, component, component, force),
        spec=DeploymentSpecArgs(
            replicas=replicas,
            revision_history_limit=3,
            selector=LabelSelectorArgs(match_labels=selector(component)),
            strategy=DeploymentStrategyArgs(
                type="Recreate" if replace else "RollingUpdate", rolling_update=rolling
            ),
            template=_template(
                owner, component, containers, checksums, service_account, grace_seconds=grace_seconds
            ),
        ),
        opts=_patient(owner, depends_on),
    )


_WITH_ITS_POD = StatefulSetPersistentVolumeClaimRetentionPolicyArgs(
    when_deleted="Delete", when_scaled="Delete"
)


def stateful_set(
    owner: FacilityComponent,
    component: str,
    containers: Sequence[Container],
    *,
    checksums: Mapping[str, pulumi.Input[str]],
    annotations: Mapping[str, str] | None = None,
    names: str,
    volume: str,
    size: str,
    kept: bool = False,
    replicas: int = 1,
    depends_on: Sequence[pulumi.Resource] = (),
) -> k8s.apps.v1.StatefulSet:
    """Make a component's StatefulSet of pods with a volume each.

    ``names`` is the headless Service that gives pods their names; ``volume`` the name of the claim
    template and ``size`` its Kubernetes quantity. A volume that is not ``kept`` goes with its pod, for
    one that holds copies only.
    ``checksums`` as for ``deployment``; ``annotations`` are the pods' others.
    """
    return k8s.apps.v1.StatefulSet(
        component,
        metadata=metadata(owner.facility, component, component),
        spec=StatefulSetSpecArgs(
            replicas=replicas,
            revision_history_limit=3,
            # In order, a pod that cannot start would be waited for before the change that mends it is made.
            pod_management_policy="Parallel",
            service_name=names,
            selector=LabelSelectorArgs(match_labels=selector(component)),
            template=_template(owner, component, containers, checksums, None, others=annotations),
            volume_claim_templates=[
                PersistentVolumeClaimArgs(
                    metadata=ObjectMetaArgs(name=volume, labels=selector(component)),
                    spec=_claim_spec(owner.facility, size),
                )
            ],
            persistent_volume_claim_retention_policy=None if kept else _WITH_ITS_POD,
        ),
        opts=_patient(owner, depends_on),
    )


def _template(
    owner: FacilityComponent,
    component: str,
    containers: Sequence[Container],
    checksums: Mapping[str, pulumi.Input[str]],
    service_account: str | None,
    *,
    grace_seconds: int | None = None,
    others: Mapping[str, str] | None = None,
) -> PodTemplateSpecArgs:
    facility = owner.facility
    mounts = {mount.name: mount for container in containers for mount in container.mounts}
    annotations: dict[str, pulumi.Input[str]] = {
        **{f"checksum/{name}": digest for name, digest in sorted(checksums.items())},
        **(others or {}),
    }
    return PodTemplateSpecArgs(
        metadata=ObjectMetaArgs(labels=facility.pod_labels(component), annotations=annotations),
        spec=PodSpecArgs(
            service_account_name=service_account,
            automount_service_account_token=service_account is not None,
            enable_service_links=False,
            image_pull_secrets=pull_secrets(facility),
            security_context=pod_security(),
            termination_grace_period_seconds=grace_seconds,
            init_containers=[_container(facility, c) for c in containers if c.sidecar] or None,
            containers=[_container(facility, c) for c in containers if not c.sidecar],
            volumes=[mount.volume() for mount in mounts.values() if not mount.template] or None,
        ),
    )


def _patient(owner: FacilityComponent, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(
        owner.child(),
        pulumi.ResourceOptions(
            depends_on=list(depends_on),
            custom_timeouts=pulumi.CustomTimeouts(create="10m", update="10m"),
        ),
    )


def service(
    owner: FacilityComponent, component: str, name: str, ports: Mapping[str, int]
) -> k8s.core.v1.Service:
    """Make a ClusterIP Service ``name`` for a component; ``ports`` maps port name to number."""
    return k8s.core.v1.Service(
        name,
        metadata=metadata(owner.facility, component, name),
        spec=ServiceSpecArgs(
            selector=selector(component),
            ports=[
                ServicePortArgs(name=port_name, port=port, target_port=port)
                for port_name, port in ports.items()
            ],
        ),
        opts=owner.child(),
    )


def config_map(
    owner: FacilityComponent, component: str, name: str, data: Mapping[str, pulumi.Input[str]]
) -> k8s.core.v1.ConfigMap:
    """Make a ConfigMap; pods that mount it carry its checksum."""
    return k8s.core.v1.ConfigMap(
        name, metadata=metadata(owner.facility, component, name), data=dict(data), opts=owner.child()
    )


def secret(
    owner: FacilityComponent,
    component: str,
    name: str,
    data: Mapping[str, pulumi.Input[str]],
    kind: str = "Opaque",
) -> k8s.core.v1.Secret:
    """Make a Secret of text values; its values are secrets in the stack's state, too."""
    return k8s.core.v1.Secret(
        name,
        metadata=metadata(owner.facility, component, name),
        type=kind,
        string_data={key: pulumi.Output.secret(value) for key, value in data.items()},
        opts=owner.child(),
    )


def claim(
    owner: FacilityComponent, component: str, name: str, size: str, *, protect: bool
) -> k8s.core.v1.PersistentVolumeClaim:
    """Make a volume claim of ``size`` (a Kubernetes quantity) for one node at a time."""
    return k8s.core.v1.PersistentVolumeClaim(
        name,
        # A StorageClass that binds on first use leaves the claim pending until its pod is there,
        # and that pod waits for the claim: waiting for it here would be for ever.
        metadata=metadata(owner.facility, component, name, {"pulumi.com/skipAwait": "true"}),
        spec=_claim_spec(owner.facility, size),
        opts=owner.child(protect=protect),
    )


def _claim_spec(facility: Facility, size: str) -> PersistentVolumeClaimSpecArgs:
    return PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"],
        storage_class_name=facility.storage_class,
        resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
    )
