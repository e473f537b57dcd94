"""What both versions of RAR have in common once their headers are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.model.archive import Kind

SIGNATURE_4 = b"Rar!\x1a\x07\x00"
SIGNATURE_5 = b"Rar!\x1a\x07\x01\x00"
LONGEST_HEADER = 2 << 20
"""Bytes; the format's own limit for version 5."""


@dataclass(frozen=True, slots=True)
class Block:
    """One header with its data. `at` is where it stands, `data` where its packed bytes begin; sizes in bytes.

    `kind` is None for what is no file: the main header, a recovery record, the end.
    """

    at: int
    data: int
    packed: int
    what: str
    kind: Kind | None = None
    name: str = ""
    size: int | None = None
    """Unpacked size; None where the writer did not know it."""
    crc: int | None = None
    """CRC-32 of the content."""
    method: int = 0
    """0: stored; 1 to 5: compressed, fast to best."""
    encrypted: bool = False
    split: bool = False
    """The member goes on in, or comes from, another volume."""
    target: str = ""
    damaged: bool = False
    """The header's own checksum is wrong."""
    last: bool = False


class Walk(Protocol):
    """Reads the blocks of one version from an offset on."""

    def __call__(self, blob: Blob, at: int, budget: Budget) -> Iterator[Block]:
        """Raises Malformed where a header is cut or makes no sense, Opaque where all that follows is encrypted."""
        ...
