"""Dask Gateway for one namespace: settings, limits per user, API server, controller and dashboard gate."""
