"""`weight.bin` of an ML program: entries of raw values, 64 bytes of description before each.

Layout: coremltools mlmodel/src/MILBlob/Blob/StorageFormat.hpp, version 2. Values are stepped over.
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Region

_ENTRY = 64
_SENTINEL = 0xDEADBEEF
_MOST = 1_000_000


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Where the values lie; faults: an entry that is not where it should be, values past the end, bytes of no entry."""
    count = int.from_bytes(exact(blob, 0, 4, "the header of the weights"), "little")
    if count > _MOST:
        raise Malformed(f"weights that declare {count:,} entries", offset=0)
    at = _ENTRY
    for index in range(count):
        if not index % 10_000:
            context.budget.tick()
        entry = exact(blob, at, _ENTRY, f"entry {index} of the weights")
        if int.from_bytes(entry[:4], "little") != _SENTINEL:
            raise Malformed(f"entry {index} of the weights has no mark", offset=at)
        size, offset = (int.from_bytes(entry[place : place + 8], "little") for place in (8, 16))
        if offset < at + _ENTRY or offset + size > blob.size:
            message = (
                f"entry {index} of the weights lies at {offset:,} with {size:,} bytes, the file ends at {blob.size:,}"
            )
            raise Malformed(message, offset=at)
        yield Region(offset, size)
        at = -(-(offset + size) // _ENTRY) * _ENTRY
    if at < blob.size:
        yield Region(at, blob.size - at, data=False)
