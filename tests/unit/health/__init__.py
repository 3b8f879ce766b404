"""The health check, against a hub and a notebook server on loopback."""
