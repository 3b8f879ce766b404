"""Checks before an `up`, against real servers on loopback."""
