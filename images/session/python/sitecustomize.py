"""Empties OpenSSL's error queue before each TLS operation, which Python 3.13 and 3.14 do not.

OpenSSL asks for it: an error left by one connection (a peer that went away) otherwise
looks like the end of the next connection the same thread reads, though nothing is
wrong with that one. Dask's clients lost their scheduler so at each first task
(python/cpython issues 81891 and 148594). Take this file away when Python does it.
"""

import ctypes
import ssl


def _empty_queue_first(kind: type, name: str) -> None:
    operation = getattr(kind, name)

    def operate(self: object, *args: object, **kwargs: object) -> object:
        clear()
        return operation(self, *args, **kwargs)

    setattr(kind, name, operate)


# PyDLL: the queue is the calling thread's, and the call too short to let another thread run.
clear = ctypes.PyDLL("libcrypto.so.3").ERR_clear_error
for _kind, _names in (
    (ssl.SSLSocket, ("read", "write", "send", "do_handshake", "unwrap")),
    (ssl.SSLObject, ("read", "write", "do_handshake", "unwrap")),
):
    for _name in _names:
        _empty_queue_first(_kind, _name)
