"""Checks of tables as text."""
