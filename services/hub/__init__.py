"""What runs in the hub's pod: JupyterHub's configuration, from settings.json and secret files."""
