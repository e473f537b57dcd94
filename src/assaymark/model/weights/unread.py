"""The parser of formats whose tensors are not read: it says so, and the verdict holds."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.format import Context, Item, Skipped


def parse(_blob: Blob, _context: Context) -> Iterator[Item]:
    """What is not read is never clean."""
    yield Skipped("weights", "the values of tensors are not read in this format; convert them to safetensors")
