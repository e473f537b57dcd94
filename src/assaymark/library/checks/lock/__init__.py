"""Checks of lock files and what they lock."""
