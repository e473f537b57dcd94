"""Checks of where packages come from."""
