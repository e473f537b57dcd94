"""Checks of setup.py."""
