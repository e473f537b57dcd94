"""The only room that dials out: one adapter of `core.remote.RemoteSource` a module, chosen by URL scheme.

Nothing here is imported by a scan of local files. Each module has `connect(url)`, which parses and does not yet dial.
"""

import os
from importlib import import_module

from assaymark.core.errors import UsageError
from assaymark.core.remote import RemoteSource

SCHEMES = {
    "hf": "assaymark.feeds.hub",
    "https": "assaymark.feeds.web",
    "http": "assaymark.feeds.web",
    "s3": "assaymark.feeds.objects",
    "gs": "assaymark.feeds.objects",
    "az": "assaymark.feeds.objects",
    "oci": "assaymark.feeds.oci",
    "mlflow": "assaymark.feeds.mlflow",
}
"""Scheme of a reference -> module of its adapter."""


def connect(url: str) -> RemoteSource:
    """The source that a reference names; raises UsageError for one that makes no sense, and while offline."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UsageError(f"{scheme}:// is no scheme that can be scanned", step=f"known are {known}; or give a path")
    if offline():
        raise UsageError(
            f"{scheme}:// is on another machine, and ASSAY_OFFLINE is set: nothing was dialled",
            step="unset ASSAY_OFFLINE, or fetch it where you may and scan the files",
        )
    source: RemoteSource = import_module(SCHEMES[scheme]).connect(url)
    return source


def offline() -> bool:
    """Whether `ASSAY_OFFLINE` forbids to dial out."""
    return os.environ.get("ASSAY_OFFLINE", "").lower() not in {"", "0", "false", "no"}
