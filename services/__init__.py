"""Programs of the facility that run in its pods; nothing here imports Pulumi."""
