"""A data server that asks who comes: real XRootD, with a CA and an issuer of tokens of its own.

It is in the namespace of the origin that `make up` starts, and shows the same files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from images.table import reference
from local import origin
from local.images import REGISTRY
from services.credentials.keys import jwks, thumbprint
from tests.e2e import tokens
from tests.e2e.authority import Authority
from tests.e2e.facility import kubectl

NAMESPACE, NAME = origin.NAMESPACE, "guarded"
HOST = f"{NAME}.{NAMESPACE}.svc.cluster.local"
ISSUER = f"https://{HOST}:8443"
AUDIENCE = f"https://{HOST}:1094"
COMMON = f"""
all.export {origin.PREFIX} r/o
oss.localroot /data
all.adminpath /run/xrootd
all.pidpath /run/xrootd
xrootd.seclib libXrdSec.so
ofs.authorize
"""
CONFIGS = {
    "token": f"""{COMMON}
xrd.port 1094
xrd.tls /run/xrootd/tls.crt /run/xrootd/tls.key
xrd.tlsca certfile /run/secrets/tls/ca.pem
xrootd.tls capable login
sec.protocol ztn
sec.protbind * only ztn
ofs.authlib libXrdAccSciTokens.so config=/etc/guarded/tokens.cfg
""",
    "x509": f"""{COMMON}
xrd.port 1095
sec.protocol gsi -certdir:certs -cert:tls.crt -key:tls.key -gmapopt:10 -vomsat:0
sec.protbind * only gsi
acc.authdb /etc/guarded/authdb
""",
}
PORTS = {"token": 1094, "x509": 1095}
TOKENS = f"""
[Global]
audience = {AUDIENCE}
onmissing = deny

[Issuer outside]
issuer = {ISSUER}
base_path = /
authorization_strategy = capability
"""
START = """
set -e
cd /run/xrootd
install -m 0600 /run/secrets/tls/tls.crt /run/secrets/tls/tls.key .
mkdir -p certs
cp /run/secrets/tls/ca.pem certs
openssl rehash certs
exec xrootd -n guarded -c /etc/guarded/"$0".cfg
"""
PUBLISH = "cd /www && exec openssl s_server -quiet -accept 8443 -WWW -cert /tls/tls.crt -key /tls/tls.key"


@dataclass(frozen=True)
class Guarded:
    """Who is let in."""

    authority: Authority = field(default_factory=lambda: Authority("Authority of the origin"))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def token(self, **changed: Any) -> str:
        """Return a token of this issuer's; it is good for this server but for what is changed."""
        content = tokens.claims(**{"iss": ISSUER, "aud": AUDIENCE, "sub": "cache", **changed})
        return jwt.encode(content, self.key, "ES256", headers={"kid": thumbprint(self.key.public_key())})

    def logged(self, kind: str) -> str:
        """Return what a server has logged."""
        return kubectl("logs", f"deployment/{NAME}", f"--container={kind}", namespace=NAMESPACE).stdout


def _published(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return what the issuer publishes, file name to content."""
    document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
    return {"openid-configuration": json.dumps(document), "jwks": json.dumps(jwks([key.public_key()]))}


def _container(name: str, command: list[str], mounts: dict[str, str], port: int) -> dict[str, Any]:
    return {
        "name": name,
        "image": reference(REGISTRY, "xcache"),
        "imagePullPolicy": "Never",
        "command": command,
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 2},
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
    }


def _server(kind: str) -> dict[str, Any]:
    run = f"run-{kind}"
    mounts = {"data": "/data", "config": "/etc/guarded", "tls": "/run/secrets/tls", run: "/run/xrootd"}
    return _container(kind, ["sh", "-c", START, kind], mounts, PORTS[kind])


def _objects(guarded: Guarded) -> list[dict[str, Any]]:
    certificate, key = guarded.authority.leaf(HOST, HOST)
    published = _published(guarded.key)
    config = {f"{kind}.cfg": text for kind, text in CONFIGS.items()}
    config |= {"tokens.cfg": TOKENS, "authdb": f"u * {origin.PREFIX} rl\n", **published}
    meta = {"name": NAME, "namespace": NAMESPACE}
    places = [
        {"key": "openid-configuration", "path": ".well-known/openid-configuration"},
        {"key": "jwks", "path": "jwks"},
    ]
    volumes = [
        {"name": "data", "hostPath": {"path": str(origin.data()), "type": "Directory"}},
        {"name": "config", "configMap": {"name": NAME}},
        {"name": "www", "configMap": {"name": NAME, "items": places}},
        {"name": "tls", "secret": {"secretName": NAME}},
        *({"name": f"run-{kind}", "emptyDir": {}} for kind in CONFIGS),
    ]
    pod = {
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000, "runAsNonRoot": True},
        "automountServiceAccountToken": False,
        # It asks its own issuer, and a pod does not come back to itself by its Service.
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": [HOST]}],
        "containers": [
            _container("issuer", ["sh", "-c", PUBLISH], {"www": "/www", "tls": "/tls"}, 8443),
            *(_server(kind) for kind in CONFIGS),
        ],
        "volumes": volumes,
    }
    labels = {"app": NAME}
    ports = [{"name": f"port-{port}", "port": port} for port in (8443, *PORTS.values())]
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": config},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta,
            "stringData": {"tls.crt": certificate, "tls.key": key, "ca.pem": guarded.authority.pem},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


@contextmanager
def guarded() -> Iterator[Guarded]:
    """Have the server for a while."""
    kinds = "configmap,secret,service,deployment"
    # What a run that was killed left behind has another key.
    kubectl("delete", kinds, NAME, "--ignore-not-found", namespace=NAMESPACE)
    made = Guarded()
    listed = {"apiVersion": "v1", "kind": "List", "items": _objects(made)}
    kubectl("create", "--filename=-", stdin=json.dumps(listed), namespace=NAMESPACE)
    try:
        kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s", namespace=NAMESPACE)
        yield made
    finally:
        kubectl("delete", kinds, NAME, "--wait=false", namespace=NAMESPACE)
