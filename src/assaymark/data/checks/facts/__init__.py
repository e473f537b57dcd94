"""Checks of what a data file is, beside what its name says."""
