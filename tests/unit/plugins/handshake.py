"""One TLS handshake in memory, for this Python and, as a program, for any other one.

    python3.13 handshake.py CHAIN KEY CA NAME     exits with 0, or tells the error

As a program it verifies as ssl.create_default_context() of that Python does.
"""

import ssl
import sys


def handshake(chain: str, key: str, ca: str, name: str, *, strict: "bool | None" = None) -> None:
    """Shake hands with the server of the files ``chain`` and ``key``; raises ssl.SSLError.

    ``strict`` sets what Python 3.13 made the default (VERIFY_X509_STRICT); none leaves the default.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(chain, key)
    client_context = ssl.create_default_context(cafile=ca)
    if strict is not None:
        flag = ssl.VERIFY_X509_STRICT
        client_context.verify_flags = (client_context.verify_flags & ~flag) | (flag if strict else 0)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        waiting = [side for side in waiting if not _done(side)]


def _done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


if __name__ == "__main__":
    handshake(*sys.argv[1:5])
