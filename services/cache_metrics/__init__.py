"""What a cache says of its reads, as Prometheus metrics: from XRootD's g-stream to /metrics."""
