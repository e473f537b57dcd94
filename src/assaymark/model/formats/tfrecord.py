"""TFRecord: rows of a data set, each with its length and checksums. Lengths are followed and checked; rows are data.

Format: tensorflow/core/lib/io/record_writer.h. Readers hand the bytes of a row to the caller; TensorFlow itself parses them as
`tf.train.Example`, which holds numbers and bytes.
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Region, Skipped
from assaymark.model.formats.passive import masked_crc32c
from assaymark.model.weights.starts import starts

_ROWS = 20_000
"""Whose lengths are followed; those of longer files are taken on trust."""
_WINDOW = 1 << 16


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """What rows begin with, if it is a program or an archive; raises Malformed where a length is wrong."""
    at, rows, fault = 0, list[tuple[int, int, str]](), None
    window, base = b"", 0
    while at < blob.size and len(rows) < _ROWS:
        if not base <= at <= base + len(window) - 12:
            context.budget.tick()
            window, base = blob.read(at, _WINDOW), at
        head = window[at - base : at - base + 12]
        length = int.from_bytes(head[:8], "little")
        if len(head) < 12 or masked_crc32c(head[:8]) != int.from_bytes(head[8:12], "little"):
            fault = Malformed(f"row {len(rows):,} does not begin with a length and its checksum", offset=at)
            break
        if length > blob.size - at - 16:
            fault = Malformed(f"row {len(rows):,} of {length:,} bytes reaches beyond the end", offset=at)
            break
        yield Region(at + 12, length)
        rows.append((at + 12, length, f"row {len(rows)}"))
        at += 16 + length
    yield from starts(blob, rows)
    if fault is not None:
        yield Region(at, blob.size - at, data=False)
        raise fault
    if at < blob.size:
        yield Region(at, blob.size - at)
        yield Skipped("rows", f"those after the first {_ROWS:,} were not followed", holds=False)
