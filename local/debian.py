"""Programs of the Linux distribution that the one-machine environment needs, and their Debian packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping

from local.paths import log
from local.shell import StepError, run

ENGINE = {"openssl": "openssl"}
CLUSTER = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
}
IMAGES = {
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "arch-test": "arch-test",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
    "gcc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
}
E2E = {
    "chromium": "chromium",
    "certutil": "libnss3-tools",
    "nginx": "nginx",
    "/usr/lib/nginx/modules/ngx_stream_module.so": "libnginx-mod-stream",
}


def present(program: str) -> bool:
    """Tell whether a program (on PATH, or where root's PATH should lead) or a file is there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return (
        os.path.exists(program) if program.startswith("/") else shutil.which(program, path=path) is not None
    )


def missing(wanted: Mapping[str, str], there: Callable[[str], bool] = present) -> list[str]:
    """Return the packages whose programs are not there, each once."""
    return sorted({package for program, package in wanted.items() if not there(program)})


def install(wanted: Mapping[str, str]) -> None:
    """Install the packages whose programs are not there."""
    packages = missing(wanted)
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise StepError(
            f"these programs are missing and there is no apt-get to install them: {', '.join(packages)}"
        )
    print(f"    installing {' '.join(packages)}", flush=True)
    file, env = log("packages"), {"DEBIAN_FRONTEND": "noninteractive"}
    remedy = f"install {' '.join(packages)} and run the same command again"
    run("apt-get update", ["apt-get", "update", "-q"], file, env=env, remedy=remedy)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    run("apt-get install", command, file, env=env, remedy=remedy)
    still = missing(wanted)
    if still:
        raise StepError(f"apt-get installed {', '.join(still)}, but their programs are not on PATH")
