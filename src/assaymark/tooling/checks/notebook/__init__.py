"""Checks of Jupyter notebooks."""
