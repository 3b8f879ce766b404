"""Listens to the cache on loopback and answers Prometheus.

Run as ``python -m services.cache_metrics.server STREAM_PORT METRICS_PORT VOLUME``.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from prometheus_client import start_http_server

from services.cache_metrics.metrics import Metrics

_LARGEST = 2**16
"""Bytes; UDP's datagrams are no longer (RFC 768)."""


def stream(port: int) -> socket.socket:
    """Return the socket that the cache sends to: on loopback, for nobody else may tell us of reads."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", port))
    return listener


def follow(listener: socket.socket, metrics: Metrics) -> None:
    """Count datagrams until the socket is closed."""
    while True:
        try:
            datagram = listener.recv(_LARGEST)
        except OSError:
            return
        metrics.take(datagram)


def main(stream_port: int, metrics_port: int, volume: Path) -> None:
    """Serve for ever."""
    metrics = Metrics(volume)
    with stream(stream_port) as listener:
        start_http_server(metrics_port, registry=metrics.registry)
        follow(listener, metrics)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
