"""Adapters of the ports in core: files, caches, keys."""
