"""Checks of requirement files."""
