"""Assaymark secures the AI supply chain: what may enter, be promoted, be deployed or be loaded, with evidence."""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["ScanReport", "scan"]

_HOMES = {"scan": "assaymark.app", "ScanReport": "assaymark.core.scan"}


def __getattr__(name: str) -> object:
    """Import on first use: `assay --help` must not pay for the scanner."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
