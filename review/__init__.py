"""Turns what the engine would do into a comment that a reviewer can judge in a minute.

Nothing here imports the program that is deployed: what judges a change must not run it.
"""
