"""The pod that KubeSpawner really makes of our traits."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes_asyncio.client import ApiClient
from kubespawner import KubeSpawner

from services.hub.settings import HubSettings, Profile
from services.hub.spawner import kubespawner_memory, profile_list

Manifest = dict[str, Any]
Make = Callable[..., KubeSpawner]


async def manifest(make: Make, settings: HubSettings) -> Manifest:
    """Return the pod in Kubernetes' own field names."""
    async with ApiClient() as client:
        return client.sanitize_for_serialization(await make(settings).get_pod_manifest())


def restricted_violations(pod: Manifest) -> list[str]:
    """Return what Pod Security "restricted" forbids (Kubernetes: Pod Security Standards)."""
    spec, found = pod["spec"], []
    outer = spec.get("securityContext", {})
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    found += [f"volume {v['name']}" for v in spec.get("volumes", []) if not allowed & v.keys()]
    found += [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        inner = container.get("securityContext", {})
        if inner.get("privileged") or inner.get("allowPrivilegeEscalation") is not False:
            found.append("privilege escalation")
        if inner.get("capabilities", {}).get("drop") != ["ALL"] or inner["capabilities"].get("add"):
            found.append("capabilities")
        if not inner.get("runAsNonRoot", outer.get("runAsNonRoot")):
            found.append("runAsNonRoot")
        if inner.get("runAsUser", outer.get("runAsUser")) == 0:
            found.append("root")
        seccomp = inner.get("seccompProfile", outer.get("seccompProfile", {}))
        if seccomp.get("type") not in ("RuntimeDefault", "Localhost"):
            found.append("seccomp")
    return found


async def test_a_session_is_within_pod_security_restricted(settings: HubSettings, spawner: Make) -> None:
    assert restricted_violations(await manifest(spawner, settings)) == []


@pytest.mark.parametrize(
    ("spoil", "violation"),
    [
        (lambda s: s["containers"][0]["securityContext"].pop("capabilities"), "capabilities"),
        (
            lambda s: s["containers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
            "privilege escalation",
        ),
        (lambda s: s["securityContext"].pop("seccompProfile"), "seccomp"),
        (lambda s: s["volumes"].append({"name": "host", "hostPath": {"path": "/"}}), "volume host"),
        (lambda s: s.update(hostNetwork=True), "hostNetwork"),
    ],
)
async def test_the_check_of_restricted_sees_what_is_wrong(
    spoil: Callable[[Manifest], Any], violation: str, settings: HubSettings, spawner: Make
) -> None:
    pod = await manifest(spawner, settings)
    spoil(pod["spec"])
    assert set(restricted_violations(pod)) == {violation}


async def test_a_session_has_no_token_for_the_kubernetes_api(settings: HubSettings, spawner: Make) -> None:
    assert (await manifest(spawner, settings))["spec"]["automountServiceAccountToken"] is False


async def test_a_session_carries_the_label_that_network_policies_select(
    settings: HubSettings, spawner: Make
) -> None:
    labels = (await manifest(spawner, settings))["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "session"
    assert labels["app.kubernetes.io/instance"] == "opendata"


async def test_contributions_of_components_reach_the_session(settings: HubSettings, spawner: Make) -> None:
    pod = await manifest(spawner, settings)
    container = pod["spec"]["containers"][0]
    assert {"name": "DASK_GATEWAY__AUTH__TYPE", "value": "jupyterhub"} in container["env"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert volumes[mounts["/etc/cmsaf-secrets"]]["emptyDir"]["medium"] == "Memory"
    assert mounts["/etc/cmsaf-secrets"] == mounts["/etc/cmsaf-secrets-chown"]
    claim = volumes[mounts["/home/jovyan"]]["persistentVolumeClaim"]["claimName"]
    assert claim.startswith("home-ada-example-org")


async def test_a_home_that_was_there_once_is_asked_for_again(settings: HubSettings, spawner: Make) -> None:
    made = spawner(settings)
    made.load_state({"pvc_name": made.pvc_name})
    # KubeSpawner tells the name of a home that it knows to be there, and makes no other.
    assert "pvc_name" not in made.get_state()


async def test_the_first_profile_is_the_size_without_a_choice(settings: HubSettings, spawner: Make) -> None:
    container = (await manifest(spawner, settings))["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": 2.0, "memory": 3 * 2**30}
    assert container["resources"]["requests"] == {"cpu": 0.1, "memory": 2**30}


def test_one_profile_is_no_choice_and_two_are(settings: HubSettings) -> None:
    profiles = settings.session.profiles
    assert profile_list(profiles[:1]) == []
    listed = profile_list(profiles)
    assert [(choice["slug"], choice["default"]) for choice in listed] == [("small", True), ("large", False)]
    assert listed[1]["kubespawner_override"]["mem_limit"] == "6G"


def test_a_profile_may_bring_its_own_image() -> None:
    own = Profile("own", "Own", "", 1, 1, "1Gi", "1Gi", "registry.example.org/own:1")
    assert profile_list([own, own])[0]["kubespawner_override"]["image"] == "registry.example.org/own:1"


@pytest.mark.parametrize(("quantity", "bytes_"), [("2Gi", 2 * 2**30), ("1536Mi", 1536 * 2**20)])
async def test_kubespawner_reads_our_sizes_as_kubernetes_does(quantity: str, bytes_: int) -> None:
    assert KubeSpawner(_mock=True, mem_limit=kubespawner_memory(quantity)).mem_limit == bytes_


async def test_the_sidecar_has_the_secret_of_the_user_and_the_session_has_not(
    settings: HubSettings, spawner: Make
) -> None:
    spec = (await manifest(spawner, settings))["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "session-secret"]
    assert volume["secret"]["secretName"].startswith("session-ada-example-org---")
    (keeper,) = spec["initContainers"]
    assert keeper["restartPolicy"] == "Always"
    assert "session-secret" in [mount["name"] for mount in keeper["volumeMounts"]]
    shared = {mount["name"]: mount.get("readOnly") for mount in spec["containers"][0]["volumeMounts"]}
    assert "session-secret" not in shared
    assert shared["credentials"] is True
