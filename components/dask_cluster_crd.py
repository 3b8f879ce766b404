"""The DaskCluster CRD of dask-gateway: the one object that all facilities of a cluster share."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.apiextensions.v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionNamesArgs,
    CustomResourceDefinitionSpecArgs,
    CustomResourceDefinitionVersionArgs,
    CustomResourceSubresourcesArgs,
    CustomResourceValidationArgs,
    JSONSchemaPropsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.base import FacilityComponent

OWNER = "coffea-casa"
"""Who says at the API server what is in it (Kubernetes: server-side apply, "Field management")."""


def dask_cluster_crd(owner: FacilityComponent) -> CustomResourceDefinition:
    """Make the CRD, with the names dask-gateway 2026.3 uses (its chart's crds/daskclusters.yaml)."""
    # The gateway writes spec and status itself and keeps fields of its own in them.
    free_form = JSONSchemaPropsArgs(type="object", x_kubernetes_preserve_unknown_fields=True)
    return CustomResourceDefinition(
        "daskclusters",
        metadata=ObjectMetaArgs(
            name="daskclusters.gateway.dask.org",
            # Nothing of one facility: to install it again, from wherever, then changes nothing.
            labels=owner.facility.shared_labels("dask-gateway-crd"),
            # By itself each stack is another owner, also one that comes back after its end. The API server
            # would refuse the first change that a later release makes, for the others' sake.
            annotations={"pulumi.com/patchFieldManager": OWNER},
        ),
        spec=CustomResourceDefinitionSpecArgs(
            group="gateway.dask.org",
            scope="Namespaced",
            names=CustomResourceDefinitionNamesArgs(
                kind="DaskCluster",
                list_kind="DaskClusterList",
                plural="daskclusters",
                singular="daskcluster",
            ),
            versions=[
                CustomResourceDefinitionVersionArgs(
                    name="v1alpha1",
                    served=True,
                    storage=True,
                    schema=CustomResourceValidationArgs(
                        open_apiv3_schema=JSONSchemaPropsArgs(
                            type="object", properties={"spec": free_form, "status": free_form}
                        )
                    ),
                    subresources=CustomResourceSubresourcesArgs(status={}),
                )
            ],
        ),
        # Deleting it deletes every facility's clusters, so it stays when this stack goes.
        opts=pulumi.ResourceOptions(parent=owner, retain_on_delete=True),
    )
