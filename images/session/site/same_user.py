# pyright: basic
# distributed has few types.
"""Dask programs of a user talk with programs of the same user only.

distributed asks its peers for a certificate of the CA, and no more (distributed.dask.org, "TLS/SSL"). In this
facility every user has one: without this module each could send work to the schedulers of all others. It is a
preload (dask/preload.yaml). distributed imports preloads when it makes a scheduler, worker or nanny, before
that listens, and makes none when the import fails; their dask_setup would be called after, and may fail.

A program whose own certificate is of no user of the facility, such as one of a gateway cluster, is left as it
is: its CA is another one.
"""

import functools
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from distributed.security import Security

USERS = "Coffea-casa users"
"""Organisation of every certificate of a user, and of no other (services/credentials/authority.py)."""
_ADDRESS = re.compile(r"https://[^/]+/users/([a-z0-9-]+)")
"""What a user's own certificate says."""

Arguments = dict[str, Any]


def user(certificate: x509.Certificate) -> str | None:
    """Return the label of the user that a certificate of the facility's CA is of; none if it is of no user.

    It is what all of its names agree on: its addresses, and what its hosts are called in their domains.
    """
    organisations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if [attribute.value for attribute in organisations] != [USERS]:
        return None
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
    addresses = names.get_values_for_type(x509.UniformResourceIdentifier)
    hosts = names.get_values_for_type(x509.DNSName)
    labels = {match[1] if (match := _ADDRESS.fullmatch(address)) else None for address in addresses}
    labels |= {host.partition(".")[0] for host in hosts if host != "localhost"}
    return labels.pop() if len(labels) == 1 else None


def own_user(certificate: str) -> str | None:
    """Return the user of a program's own certificate: PEM, or the file that has it.

    None if it is of another CA's. Raises ValueError for a user's certificate that does not say whose it is.
    """
    pem = certificate.encode() if "\n" in certificate else Path(certificate).read_bytes()
    read = x509.load_pem_x509_certificate(pem)
    found = user(read)
    if found is None and USERS in read.subject.rfc4514_string():
        raise ValueError("the certificate is of a user, and does not say of which")
    return found


def check(own: str, der: bytes | None) -> None:
    """Raise SSLCertVerificationError unless the certificate (DER) is of this user."""
    try:
        peer = user(x509.load_der_x509_certificate(der or b""))
    except ValueError:
        peer = None
    if peer != own:
        whose = f"user {peer!r}" if peer else "no user"
        message = f"REFUSED: this program is of user {own!r}, the certificate of its peer is of {whose}"
        raise ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, message)


def limit(context: ssl.SSLContext, own: str) -> None:
    """Let connections of a context begin only with programs of this user."""

    class Socket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            check(own, self.getpeercert(binary_form=True))

    class Object(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            check(own, self.getpeercert(binary_form=True))

    # Python's documented way to do something in a handshake (ssl, "SSLContext.sslsocket_class").
    context.sslsocket_class, context.sslobject_class = Socket, Object


def limited(method: Callable[[Security, str], Arguments]) -> Callable[[Security, str], Arguments]:
    """Return a method of Security that limits the contexts it makes."""

    @functools.wraps(method)
    def arguments(self: Security, role: str) -> Arguments:
        made = method(self, role)
        context = made["ssl_context"]
        own = own_user(self.get_tls_config_for_role(role)["cert"]) if context else None
        if own:
            limit(context, own)
        return made

    return arguments


for _name in ("get_listen_args", "get_connection_args"):
    setattr(Security, _name, limited(getattr(Security, _name)))
