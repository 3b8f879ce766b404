"""The texts that the caches and their redirector are started with."""

from __future__ import annotations

from pathlib import Path
from string import Template

from settings import TokenIssuer
from settings import XCache as XCacheSettings
from settings.quantity import bytes_of

PORT = 1094
"""IANA's port of the root protocol."""
METRICS_PORT = 9931
"""Of /metrics by TCP, and on loopback of what the cache tells by UDP."""
CLUSTER_PORT = 1213
"""The usual port of the cluster management service."""


def _text(name: str) -> Template:
    return Template(Path(__file__).with_name(name).read_text())


CACHE = _text("xcache.cfg")
AUTHORISED = _text("xcache-authorised.cfg")
SERVER = _text("xcache-server.cfg")
CMSD = _text("xcache-cmsd.cfg")
REDIRECTOR = _text("xcache-redirector.cfg")
TOKENS = _text("xcache-tokens.cfg")


def server(origin: str) -> str:
    """Return an origin with its port."""
    return origin if ":" in origin else f"{origin}:{PORT}"


def kibibytes(amount: float) -> str:
    """Return bytes in XRootD's spelling; of a number without a letter some directives take a fraction."""
    return f"{int(amount) // 1024}k"


def config(settings: XCacheSettings, site: str, manager: str | None = None) -> str:
    """Return a cache's configuration.

    ``site`` is the name it gives in its monitoring, ``manager`` the HOST:PORT of the redirector's
    cluster service, where there is one.
    """
    size = bytes_of(settings.size)
    low, high = size * settings.low_watermark, size * settings.high_watermark
    text = CACHE.substitute(
        prefix=settings.prefix,
        how="stage r/o" if manager else "r/o",
        origin=server(settings.origin),
        site=site,
        memory=kibibytes(bytes_of(settings.memory)),
        block=kibibytes(bytes_of(settings.block_size)),
        prefetch=settings.prefetch,
        # What a full file system, ours or not, may take from us: half of what we keep.
        base=kibibytes(low / 2),
        low=kibibytes(low),
        high=kibibytes(high),
        port=PORT,
        metrics=METRICS_PORT,
    )
    return text + (SERVER.substitute(manager=manager) if manager else "") + _authorised(settings)


def cluster_config(settings: XCacheSettings, manager: str) -> str:
    """Return the configuration of a cache's cluster daemon."""
    return CMSD.substitute(prefix=settings.prefix, manager=manager)


def redirector_config(settings: XCacheSettings) -> str:
    """Return the configuration of the redirector's server."""
    text = REDIRECTOR.substitute(prefix=settings.prefix, cluster=CLUSTER_PORT, port=PORT)
    return text + _authorised(settings)


def manager_config(settings: XCacheSettings) -> str:
    """Return the configuration of the redirector's cluster daemon."""
    return REDIRECTOR.substitute(prefix=settings.prefix, cluster=CLUSTER_PORT, port=CLUSTER_PORT)


def _authorised(settings: XCacheSettings) -> str:
    return AUTHORISED.substitute() if settings.mode == "authorised" else ""


def tokens_config(settings: XCacheSettings, issuer: str, audience: str) -> str:
    """Return whose tokens are good: those of ``issuer``, the facility's, and of the settings' others."""
    issuers = {"facility": TokenIssuer(issuer=issuer)}
    issuers |= {f"other {number}": other for number, other in enumerate(settings.issuers, 1)}
    sections = [_section(name, other, settings.prefix) for name, other in issuers.items()]
    return TOKENS.substitute(audience=audience) + "".join(sections)


def _section(name: str, issuer: TokenIssuer, prefix: str) -> str:
    return f"""
[Issuer {name}]
issuer = {issuer.issuer}
base_path = {", ".join(issuer.base_paths)}
restricted_path = {prefix}
authorization_strategy = capability
"""
