"""What every component shares: the facility it belongs to and how its children are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from images import table
from settings import Images, Settings

VERSION = "0.1.0"
"""Version of this program, the value of ``app.kubernetes.io/version``."""


@dataclass(frozen=True, kw_only=True)
class Facility:
    """One facility: its namespace and what all of its components need to know of the cluster."""

    namespace: str
    """Kubernetes namespace; also the facility's name in labels and certificates."""
    dns_domain: str
    """DNS domain of the cluster's Services, such as ``cluster.local``."""
    storage_class: str | None
    """StorageClass of every volume; none means the cluster's default."""
    images: Images
    """Where images come from."""

    @classmethod
    def of(cls, settings: Settings) -> Facility:
        """Return the facility that a stack's settings describe."""
        return cls(
            namespace=settings.namespace,
            dns_domain=settings.kubernetes.dns_domain,
            storage_class=settings.kubernetes.storage_class,
            images=settings.images,
        )

    def image(self, name: str) -> str:
        """Return the reference of an image of the table; KeyError for a name that is not in it."""
        return self.images.overrides.get(name) or table.reference(self.images.registry, name)

    def labels(self, component: str) -> dict[str, str]:
        """Return the labels of an object (Kubernetes: "Recommended Labels")."""
        return {
            "app.kubernetes.io/name": "coffea-casa",
            "app.kubernetes.io/instance": self.namespace,
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/part-of": "coffea-casa",
            "app.kubernetes.io/version": VERSION,
            "app.kubernetes.io/managed-by": "pulumi",
        }

    def pod_labels(self, component: str) -> dict[str, str]:
        """Return the labels of a pod template: no version, which would roll every pod at each release."""
        labels = self.labels(component)
        del labels["app.kubernetes.io/version"]
        return labels

    def shared_labels(self, component: str) -> dict[str, str]:
        """Return the labels of an object that facilities share: neither this one's name nor its version."""
        labels = self.pod_labels(component)
        del labels["app.kubernetes.io/instance"]
        return labels

    def service_names(self, service: str) -> tuple[str, ...]:
        """Return every DNS name a pod may call a Service by."""
        return (
            service,
            f"{service}.{self.namespace}",
            f"{service}.{self.namespace}.svc",
            f"{service}.{self.namespace}.svc.{self.dns_domain}",
        )


def selector(component: str) -> dict[str, str]:
    """Return the labels that select a component's pods.

    One namespace is one facility, so the component alone is enough; it never
    changes, as a Deployment's selector must not.
    """
    return {"app.kubernetes.io/component": component}


class FacilityComponent(pulumi.ComponentResource):
    """A part of a facility. Its children are named ``NAME-ROLE`` and parented to it."""

    def __init__(
        self,
        token: str,
        name: str,
        facility: Facility,
        opts: pulumi.ResourceOptions | None,
        props: Mapping[str, object] | None = None,
    ) -> None:
        # The plain settings go along as inputs, so that a preview shows "Hub: idleTimeout 3600 -> 1800".
        super().__init__(token, name, dict(props or {}), opts)
        self.facility = facility

    def child(self, *, protect: bool | None = None) -> pulumi.ResourceOptions:
        """Return the options of a child; ``protect`` for what holds data or identity."""
        return pulumi.ResourceOptions(parent=self, protect=protect)
