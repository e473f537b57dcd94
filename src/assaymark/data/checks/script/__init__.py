"""Checks of dataset loading scripts."""
