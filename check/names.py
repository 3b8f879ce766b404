"""DNS names that browsers and laptops come by."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from check.finding import Finding, failed, not_applicable, ok
from settings import Settings
from settings.rules import LOCALHOSTS


def addresses(name: str) -> list[str]:
    """Return the addresses of a name as this machine resolves it; none where it has none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(address[0]) for *_, address in found})


def within(found: Iterable[str], cidrs: Sequence[str]) -> list[str]:
    """Return those of some addresses that are in one of the networks."""
    networks = [ip_network(cidr) for cidr in cidrs]
    # An address of a link has the link's name behind a %.
    return [one for one in found if any(ip_address(one.split("%")[0]) in network for network in networks)]


def is_address(host: str) -> bool:
    """Tell whether a host is written as an address."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def public_host(settings: Settings) -> Finding:
    """Look up the host of the facility's address."""
    host = urlsplit(settings.public.url).hostname or ""
    if is_address(host):
        return not_applicable("public host", f"{host} is an address already")
    found = addresses(host)
    if not found:
        return failed("public host", f"{host} has no address", f"make a DNS record for {host}")
    return ok("public host", f"{host} is {', '.join(found)}")


def wildcard(settings: Settings) -> Finding:
    """Look up a name that nobody has, in the domain of users' sessions."""
    host = urlsplit(settings.public.url).hostname or ""
    if settings.dask_router is None:
        return not_applicable("DNS wildcard", "there is no coffea-casa:daskRouter")
    if host in LOCALHOSTS:
        return not_applicable("DNS wildcard", f"names below {host} are this machine's own")
    name = f"check-{secrets.token_hex(4)}.dask.{host}"
    found = addresses(name)
    if not found:
        remedy = f"make a DNS wildcard *.dask.{host} to the address of the Service dask-router-public"
        return failed("DNS wildcard", f"{name} has no address", remedy)
    return ok("DNS wildcard", f"*.dask.{host} is {', '.join(found)}")
