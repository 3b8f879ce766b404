"""What the one-machine Kubernetes is told: addresses, daemons, their configuration; pure functions.

The cluster lives in network, mount and process namespaces of its own (local/node.py),
joined to the machine by one pair of virtual network devices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.certificates import Leaf
from local.paths import SHORT

NODE = "coffea-casa-node"
CONTEXT = "coffea-casa-local"
LINK = "coffea-casa0"
"""The machine's end of the pair of network devices."""
UPLINK = "uplink"
"""The cluster's end."""
BRIDGE = "pods0"
HOST_ADDRESS = "10.97.0.1"
NODE_ADDRESS = "10.97.0.2"
POD_RANGE = "10.244.0.0/16"
NODE_POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
NODE_PORTS = "30000:32767"
API = f"https://{NODE_ADDRESS}:6443"
CONTAINERD = SHORT / "containerd.sock"

LEAVES = (
    Leaf(
        "apiserver",
        "kube-apiserver",
        hosts=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "localhost",
            API_SERVICE,
            NODE_ADDRESS,
            "127.0.0.1",
        ),
    ),
    Leaf("kubelet-server", NODE, hosts=(NODE, NODE_ADDRESS)),
    Leaf("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters"),
    Leaf("admin", "admin", "system:masters"),
    Leaf("kubelet", f"system:node:{NODE}", "system:nodes"),
    Leaf("controller-manager", "system:kube-controller-manager"),
    Leaf("scheduler", "system:kube-scheduler"),
    Leaf("kube-proxy", "system:kube-proxy"),
    Leaf("kube-router", "coffea-casa:kube-router"),
    Leaf("storage", "coffea-casa:storage"),
)
CLIENTS = ("admin", "kubelet", "controller-manager", "scheduler", "kube-proxy", "kube-router", "storage")


@dataclass(frozen=True)
class Places:
    """Directories that the daemons are told of."""

    state: Path
    kubernetes: Path
    kube_router: Path
    local_path_provisioner: Path

    @property
    def pki(self) -> Path:
        """Return where certificates and keys are."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Return where rendered configuration is."""
        return self.state / "config"

    @property
    def node(self) -> Path:
        """Return where the daemons keep their data."""
        return self.state / "node"


def kubeconfig(places: Places, client: str, name: str = CONTEXT) -> str:
    """Return the kubeconfig of a client, which names its certificate's files."""
    pki = places.pki
    return _json(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": API, "certificate-authority": str(pki / "ca.crt")}}
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate": str(pki / f"{client}.crt"),
                        "client-key": str(pki / f"{client}.key"),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def kubelet(places: Places) -> str:
    """Return kubelet's configuration."""
    return _json(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(places.pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(places.pki / "kubelet-server.crt"),
            "tlsPrivateKeyFile": str(places.pki / "kubelet-server.key"),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": "/coffea-casa",
            "failCgroupV1": False,  # machines with the old cgroup hierarchies are wanted too
            "failSwapOn": False,
            "clusterDNS": [DNS_SERVICE],
            "clusterDomain": "cluster.local",
            "resolvConf": str(places.config / "resolv.conf"),
            "podLogsDir": str(places.node / "pod-logs"),
            "volumePluginDir": str(places.node / "volume-plugins"),
            # Images are loaded, not pulled, so one that is thrown away for want of space never comes back.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1Gi",
                "imagefs.available": "1Gi",
            },
        }
    )


def kube_proxy(places: Places) -> str:
    """Return kube-proxy's configuration."""
    return _json(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(places.config / "kube-proxy.kubeconfig")},
            "mode": "iptables",
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NODE,
            # Zero leaves the machine's own connection tracking limits as they are.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
    )


def cni() -> str:
    """Return the pods' network: a bridge that is their gateway, addresses kept on this machine."""
    return _json(
        {
            "cniVersion": "0.4.0",
            "name": "coffea-casa",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": BRIDGE,
                    "isDefaultGateway": True,
                    "hairpinMode": True,
                    "ipMasq": True,  # to the world, pods have the node's address
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": NODE_POD_RANGE}]],
                        "dataDir": str(SHORT / "addresses"),
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
    )


def containerd(places: Places, pause: str) -> str:
    """Return containerd's configuration: apart from any other containerd of the machine.

    restrict_oom_score_adj lets pods start where root lacks CAP_SYS_RESOURCE.
    """
    return f"""\
version = 2
root = "{places.node}/containerd"
state = "{SHORT}/containerd"
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{places.node}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{places.config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def resolv_conf(text: str) -> str:
    """Return a resolver configuration fit for pods: name servers that are not the machine's loopback."""
    words = [line.split() for line in text.splitlines()]
    servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    kept = [f"nameserver {server}" for server in servers if not server.startswith(("127.", "::1"))]
    return "\n".join(kept) + "\n" if kept else ""


def daemons(places: Places) -> dict[str, list[str]]:
    """Return the cluster's programs: name to command line."""
    pki, config, kubernetes = places.pki, places.config, places.kubernetes

    def client(name: str) -> str:
        return f"{config}/{name}.kubeconfig"

    return {
        # Only the cluster's own network namespace reaches etcd, and pods are not in it: no TLS needed.
        "etcd": [
            "etcd",
            f"--data-dir={places.node}/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--logger=zap",
            "--log-level=warn",
            "--auto-compaction-retention=1h",
        ],
        "kube-apiserver": [
            f"{kubernetes}/kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={NODE_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            "--anonymous-auth=false",
            "--profiling=false",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/service-account.pub",
            f"--service-account-signing-key-file={pki}/service-account.key",
        ],
        "kube-controller-manager": [
            f"{kubernetes}/kube-controller-manager",
            f"--kubeconfig={client('controller-manager')}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--profiling=false",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={POD_RANGE}",
            "--node-cidr-mask-size=24",
            "--use-service-account-credentials=true",
            f"--root-ca-file={pki}/ca.crt",
            f"--service-account-private-key-file={pki}/service-account.key",
        ],
        "kube-scheduler": [
            f"{kubernetes}/kube-scheduler",
            f"--kubeconfig={client('scheduler')}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--profiling=false",
        ],
        "containerd": ["containerd", f"--config={config}/containerd.toml"],
        "kubelet": [
            f"{kubernetes}/kubelet",
            f"--config={config}/kubelet.json",
            f"--kubeconfig={client('kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ],
        "kube-proxy": [f"{kubernetes}/kube-proxy", f"--config={config}/kube-proxy.json"],
        # The bridge does not enforce NetworkPolicies; this is the part of kube-router that does.
        "kube-router": [
            f"{places.kube_router}/kube-router",
            f"--kubeconfig={client('kube-router')}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            "--run-loadbalancer=false",
            f"--hostname-override={NODE}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
        ],
        "storage": [
            f"{places.local_path_provisioner}/local-path-provisioner",
            "start",
            f"--kubeconfig={client('storage')}",
            f"--config={config}/storage.json",
            "--namespace=local-path-storage",
            "--provisioner-name=rancher.io/local-path",
            "--configmap-name=local-path-config",
            "--service-account-name=default",
        ],
    }


def storage(places: Places) -> str:
    """Return the provisioner's configuration: where it makes the directories of volumes."""
    path = [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(places.state / "volumes")]}]
    return _json({"nodePathMap": path})


def files(places: Places, pause: str, resolv: str) -> Mapping[str, str]:
    """Return every configuration file: path under ``places.config`` to content."""
    return {
        **{f"{client}.kubeconfig": kubeconfig(places, client) for client in CLIENTS},
        "kubelet.json": kubelet(places),
        "kube-proxy.json": kube_proxy(places),
        "containerd.toml": containerd(places, pause),
        "cni/10-pods.conflist": cni(),
        "resolv.conf": resolv_conf(resolv),
        "storage.json": storage(places),
        "daemons.json": _json(daemons(places)),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
