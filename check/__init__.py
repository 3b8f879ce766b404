"""What can be known of a site before an `up`, one line each; ``python -m check STACK``."""
