"""Checks of manifests beside their locks."""
