"""The pods a stack makes, and what its hub and gateway will make at run time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.recording import Json, Resource

COMPONENT = "app.kubernetes.io/component"
RUNTIME_PORTS = {"session": {8786, 8888}, "dask-scheduler": {8786, 8787, 8788}, "dask-worker": set[int]()}
"""Components whose pods the hub and the gateway make, and the ports those listen on."""
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}


@dataclass(frozen=True)
class Pod:
    """A pod template."""

    owner: str
    """The workload, as KIND/NAME."""
    labels: dict[str, str]
    spec: Json
    claims: frozenset[str] = frozenset()
    """Volumes that the workload makes for each of its pods."""

    @property
    def containers(self) -> list[Json]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """Port name to number; a port without a name has its number for one."""
        ports = [port for container in self.containers for port in container.get("ports", [])]
        return {port.get("name", str(port["containerPort"])): port["containerPort"] for port in ports}


def pods(resources: Sequence[Resource]) -> list[Pod]:
    """Return the templates of the stack's own workloads."""
    found: list[Pod] = []
    for resource in resources:
        if resource.kind in WORKLOADS:
            spec = resource.manifest["spec"]
            template = spec["template"]
            name = f"{resource.kind}/{resource.metadata_name}"
            claims = frozenset(c["metadata"]["name"] for c in spec.get("volumeClaimTemplates", []))
            found.append(Pod(name, template["metadata"].get("labels", {}), template["spec"], claims))
    return found


def runtime_settings(resources: Sequence[Resource]) -> Iterator[tuple[str, Json]]:
    """Yield (ConfigMap name, settings) of what the hub and the gateway give to the pods they make."""
    for resource in resources:
        text = (
            resource.manifest.get("data", {}).get("settings.json") if resource.kind == "ConfigMap" else None
        )
        if text:
            settings: Json = json.loads(text)
            of_pods = settings.get("session", settings)
            if "volumes" in of_pods:
                yield resource.metadata_name, of_pods


def runtime_pods(resources: Sequence[Resource]) -> list[Pod]:
    """Return sessions, schedulers and workers as far as the stack decides them."""
    return [
        Pod(
            f"ConfigMap/{name}",
            settings["labels"],
            {
                "volumes": settings["volumes"],
                "imagePullSecrets": [{"name": secret} for secret in settings["pullSecrets"]],
                "initContainers": settings["initContainers"],
                "containers": [
                    {
                        "name": "main",
                        "image": settings["image"],
                        "volumeMounts": settings["volumeMounts"],
                        "env": [{"name": k, "value": v} for k, v in settings["environment"].items()],
                    }
                ],
            },
        )
        for name, settings in runtime_settings(resources)
    ]
