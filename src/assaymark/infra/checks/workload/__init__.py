"""Checks of compose files and Kubernetes manifests."""
