"""Run time of the credential issuer: the one place that signs for users."""
