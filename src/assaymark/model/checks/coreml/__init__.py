"""Checks of Core ML models and packages."""
