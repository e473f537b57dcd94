"""One check a file; see `core.check`."""
