"""Certificates of the one-machine Kubernetes, made by openssl: one authority, one leaf for each program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.paths import private_directory
from local.shell import run

DAYS = "3650"
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Leaf:
    """A certificate to make: Kubernetes reads the user from its CN and the groups from its Os."""

    name: str
    user: str
    group: str | None = None
    hosts: tuple[str, ...] = ()
    """Names and IPv4 addresses that a server is reached by; none for a client."""


def subject(leaf: Leaf) -> str:
    """Return openssl's form of the leaf's subject."""
    return (f"/O={leaf.group}" if leaf.group else "") + f"/CN={leaf.user}"


def extensions(leaf: Leaf) -> list[str]:
    """Return the X.509 extensions of the leaf, one ``name=value`` each."""
    usage = "serverAuth" if leaf.hosts else "clientAuth"
    told = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        f"extendedKeyUsage={usage}",
    ]
    if leaf.hosts:
        kinds = (("IP" if host.replace(".", "").isdigit() else "DNS") + f":{host}" for host in leaf.hosts)
        told.append("subjectAltName=" + ",".join(kinds))
    return told


def make(directory: Path, leaves: Sequence[Leaf], log: Path) -> None:
    """Make the authority ``ca``, the key pair ``service-account`` and the leaves, as NAME.crt and NAME.key.

    Whatever is there is kept: clients hold copies of the authority.
    """
    private_directory(directory)
    ca = directory / "ca"
    if not ca.with_suffix(".crt").exists():
        named = ["-subj", "/CN=coffea-casa-local", "-days", DAYS]
        named += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        files = ["-keyout", ca.with_suffix(".key"), "-out", ca.with_suffix(".crt")]
        run("making the cluster's authority", ["openssl", "req", "-x509", *_EC, *named, *files], log)
    account = directory / "service-account"
    if not account.with_suffix(".pub").exists():
        command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        run("making a key", [*command, "-out", account.with_suffix(".key")], log)
        command = ["openssl", "pkey", "-in", account.with_suffix(".key"), "-pubout"]
        run("making a key", [*command, "-out", account.with_suffix(".pub")], log)
    for leaf in leaves:
        if not (directory / f"{leaf.name}.crt").exists():
            _sign(directory, leaf, log)


def _sign(directory: Path, leaf: Leaf, log: Path) -> None:
    """Make one leaf; its certificate is written last and under its own name only when whole."""
    base, part = directory / leaf.name, directory / f"{leaf.name}.part"
    request = base.with_suffix(".csr")
    told = [word for extension in extensions(leaf) for word in ("-addext", extension)]
    command = ["openssl", "req", "-new", *_EC, "-subj", subject(leaf), *told]
    run(
        f"making a key for {leaf.name}", [*command, "-keyout", base.with_suffix(".key"), "-out", request], log
    )
    authority = ["-CA", directory / "ca.crt", "-CAkey", directory / "ca.key", "-CAcreateserial"]
    command = [
        "openssl",
        "x509",
        "-req",
        "-in",
        request,
        *authority,
        "-days",
        DAYS,
        "-copy_extensions",
        "copy",
    ]
    run(f"signing {leaf.name}", [*command, "-out", part], log)
    part.rename(base.with_suffix(".crt"))
    request.unlink()
