"""A physicist's analysis in a running facility, step by step; ``python -m health STACK``."""
