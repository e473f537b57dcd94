"""Checks of names that are taken for others; they speak where the home has a list of popular names."""
