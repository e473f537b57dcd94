"""How MessagePack checkpoints and the JSON of array stores are known. Light: asked for every file of a scan."""

from assaymark.core.format import Head

FIRST = bytes(range(0x81, 0x90)) + b"\xde\xdf"
"""A map that is not empty."""
_ZARR = frozenset({".zarray", ".zmetadata", "zarr.json", ".zarray.json"})
_OCDBT = (b"\x0c\xdb\x3a\x2a", b"\x0c\xdb\x1c\xde", b"\x0c\xdb\x20\xde")
"""Manifest, version tree node and B-tree node of TensorStore's OCDBT."""


def is_msgpack(head: Head) -> bool:
    """A map whose first key is a printable text, and whose first value can be one."""
    start = head.start
    at = {0xDE: 3, 0xDF: 5}.get(start[0], 1)
    if start[0] in {0xDE, 0xDF} and not 1 <= int.from_bytes(start[1:at], "big") <= head.size:
        return False
    mark = start[at : at + 1]
    if not mark:
        return False
    if 0xA1 <= mark[0] <= 0xBF:
        length, at = mark[0] & 0x1F, at + 1
    elif mark in {b"\xd9", b"\xc4"}:
        length, at = int.from_bytes(start[at + 1 : at + 2], "big"), at + 2
    else:
        return False
    key = start[at : at + length]
    value = start[at + length : at + length + 1]
    try:
        return 0 < length == len(key) and key.decode("utf-8").isprintable() and bool(value) and value != b"\xc1"
    except UnicodeDecodeError:
        return False


def is_zarr(head: Head) -> bool:
    """The metadata of a Zarr array or group: a JSON object with `zarr_format`."""
    if b'"zarr_format"' in head.start or b'"zarr_consolidated_format"' in head.start:
        return True
    return head.basename in _ZARR and head.start[:1] in b"{ \t\r\n\xef" and head.size > 0


def is_ocdbt(head: Head) -> bool:
    """A manifest or a tree node of OCDBT, the key-value store below Orbax checkpoints: offsets and checksums."""
    return head.start.startswith(_OCDBT) and int.from_bytes(head.start[4:12], "little") <= head.size


def is_blosc(head: Head) -> bool:
    """A Blosc 1 chunk: its header says how long it is, and it is so long."""
    start = head.start
    return len(start) >= 16 and start[0] == 2 and start[1] == 1 and int.from_bytes(start[12:16], "little") == head.size
