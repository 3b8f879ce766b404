"""The facility's components: deploy-time code, one typed ComponentResource a file."""
