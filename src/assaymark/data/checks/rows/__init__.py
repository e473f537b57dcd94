"""Checks of rows of JSON and of text."""
