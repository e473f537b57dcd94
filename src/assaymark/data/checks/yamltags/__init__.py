"""Checks of YAML tags that make Python objects."""
