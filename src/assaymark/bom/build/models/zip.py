"""Members of an archive by name; those that are stored are not copied, packed ones are unpacked within the budget."""

from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import AssayError
from assaymark.core.format import Context
from assaymark.model import unpack
from assaymark.model.zipindex import read_index

_PACKED = 256 << 20
"""Bytes of one packed member that is unpacked."""


def members(blob: Blob, context: Context) -> dict[str, Blob]:
    """What can be read of an archive, each member once."""
    found: dict[str, Blob] = {}
    for part in read_index(blob, context.budget).parts:
        if part.data is None or not part.listed or not part.main or part.header.encrypted or part.name in found:
            continue
        packed = Slice(blob, part.data, part.packed)
        if part.header.method == 0:
            found[part.name] = packed
        elif part.header.method == 8 and part.header.size <= _PACKED:
            made = _unpacked(packed, context)
            if made is not None:
                found[part.name] = made
    return found


def names(blob: Blob, context: Context) -> list[str]:
    """Names of the members, sorted."""
    return sorted({part.name for part in read_index(blob, context.budget).parts if part.listed and part.main})


def _unpacked(packed: Blob, context: Context) -> Blob | None:
    try:
        result = unpack.unpack(packed, unpack.deflate(), context.budget)
    except AssayError:
        return None
    return None if result.fault is not None else result.blob
