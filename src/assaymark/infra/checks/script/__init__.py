"""Checks of scripts in build files and manifests."""
