"""Containers and binaries that are known by name but not opened by this version."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Opaque
from assaymark.core.format import Context, Item

_KINDS = {
    b"MSCF": "Windows cabinet",
    b"hsqs": "SquashFS image",
    b"\xed\xab\xee\xdb": "RPM package",
    b"\xd0\xcf\x11\xe0": "OLE compound file",
}


def parse(blob: Blob, _context: Context) -> Iterator[Item]:
    """Say what it is, and hold."""
    start = blob.read(0, 8)
    kind = next((name for magic, name in _KINDS.items() if start.startswith(magic)), "container")
    raise Opaque(f"{kind} ({blob.size:,} bytes): this version has no parser for it")
    yield
