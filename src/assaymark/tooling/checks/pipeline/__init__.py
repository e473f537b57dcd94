"""Checks of workflow and pipeline files."""
