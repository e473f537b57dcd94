"""How containers are recognised whose first bytes alone do not say it all."""

from assaymark.core.format import Head
from assaymark.model.formats.magic import is_compressed

_CPIO = (b"070701", b"070702", b"070707")


def is_stream(head: Head) -> bool:
    """A compressed stream, also one that begins with a skippable frame of zstd or LZ4 (pzstd writes those)."""
    start = head.start
    return is_compressed(head) or (len(start) > 8 and start[0] >> 4 == 5 and start[1:4] == b"\x2a\x4d\x18")


def is_cpio(head: Head) -> bool:
    """A cpio archive with headers of ASCII digits (newc, crc, odc): a first header that holds nothing else."""
    length = 76 if head.start.startswith(b"070707") else 110
    header = head.start[:length]
    return header.startswith(_CPIO) and len(header) == length and not header.strip(b"0123456789abcdefABCDEF")
