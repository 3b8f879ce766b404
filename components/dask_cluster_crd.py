"""The DaskCluster CRD of dask-gateway: the one cluster-scoped object of a facility."""

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


def dask_cluster_crd(owner: FacilityComponent) -> CustomResourceDefinition:
    """Make the CRD, with the names dask-gateway 2026.3 uses (its chart's crds/daskclusters.yaml)."""
    # The gateway writes spec and status itself and keeps fields of its own in them.
    free_form = JSONSchemaPropsArgs(type="object", x_kubernetes_preserve_unknown_fields=True)
    return CustomResourceDefinition(
        "daskclusters",
        metadata=ObjectMetaArgs(
            name="daskclusters.gateway.dask.org", labels=owner.facility.labels("dask-gateway-crd")
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
