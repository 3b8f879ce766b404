"""TLS: whatever the world reaches."""

from __future__ import annotations

from urllib.parse import urlsplit

from policy.subject import Json, Subject, at, entries, words

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def plain(subject: Subject) -> list[str]:
    """Return addresses for the world without TLS."""
    match subject.kind:
        case "ConfigMap":
            return _public_url(subject.settings)
        case "Ingress":
            return _ingress(at(subject.properties, "spec"))
        case "Service":
            return _service(at(subject.properties, "spec"))
        case "Gateway":
            listeners = entries(at(subject.properties, "spec"), "listeners")
            return [
                f"listener {one.get('name')} is http" for one in listeners if one.get("protocol") == "HTTP"
            ]
        case _:
            return []


def _public_url(settings: Json) -> list[str]:
    url = settings.get("publicUrl")
    told = urlsplit(url) if isinstance(url, str) else None
    if told is None or told.scheme == "https" or told.hostname in THIS_MACHINE:
        return []
    return [f"publicUrl {url} is not https"]


def _ingress(spec: Json) -> list[str]:
    covered = {host for entry in entries(spec, "tls") for host in words(entry, "hosts")}
    wanted = {str(entry.get("host") or "*") for entry in entries(spec, "rules")}
    return [f"host {host} has no TLS" for host in sorted(wanted - covered)]


def _service(spec: Json) -> list[str]:
    # Something before a NodePort or ClusterIP may hold the certificate; a balancer faces the world itself.
    if spec.get("type") != "LoadBalancer":
        return []
    ports = entries(spec, "ports")
    return [
        f"port {one.get('port')} is plain http"
        for one in ports
        if one.get("name") == "http" or one.get("port") == 80
    ]
