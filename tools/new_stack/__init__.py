"""Writes the stack file of a new site."""
