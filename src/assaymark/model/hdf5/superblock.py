"""Where an HDF5 file begins and what its first block says (specification, section II)."""

from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed
from assaymark.model.hdf5.source import Fields, Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Superblock:
    """Addresses in `source`: `root` group's object header, superblock `extension`, `driver` information."""

    source: Source
    root: int
    end: int
    """Offset in the blob where the file ends."""
    extension: int | None
    driver: int | None
    root_table: tuple[int, int] | None
    """The root group's B-tree and local heap, where the superblock of version 0 or 1 repeats them."""


def find(blob: Blob) -> int:
    """Offset of the first signature, where the library looks for it: at 0, 512, 1024, 2048 and so on."""
    offset = 0
    while offset < blob.size:
        if blob.read(offset, 8) == SIGNATURE:
            return offset
        offset = offset * 2 or 512
    message = "no HDF5 signature at 0, 512, 1024 or a later power of two"
    raise Malformed(message, offset=0)


def read(blob: Blob, budget: Budget) -> Superblock:
    """Read the superblock. The base address is where it stands: so the library has it, whatever the block says."""
    base = find(blob)
    version = exact(blob, base + 8, 1, "HDF5 superblock")[0]
    if version > 3:
        message = f"HDF5 superblock of version {version}; versions 0 to 3 exist"
        raise Malformed(message, offset=base + 8)
    place = 9 if version >= 2 else 13
    sizes = exact(blob, base + place, 2, "HDF5 superblock")
    for size in sizes:
        if size not in {2, 4, 8}:
            message = f"HDF5 addresses or lengths of {size} bytes; 2, 4 and 8 exist"
            raise Malformed(message, offset=base + place)
    source = Source(blob, base, sizes[0], sizes[1], budget)
    return _modern(source) if version >= 2 else _classic(source, version)


def _classic(source: Source, version: int) -> Superblock:
    fixed = 24 if version == 0 else 28
    fields = source.read(0, fixed + 4 * source.offset_size + 2 * source.offset_size + 24, "HDF5 superblock")
    fields.take(fixed)
    stored_base = fields.address()
    fields.address()  # free-space index
    end = _end(source, stored_base, fields.address())
    driver = fields.address()
    fields.take(source.offset_size)  # name of the root group
    root = _root(fields)
    cached = fields.number(4) == 1
    fields.take(4)
    tree, heap = (fields.address(), fields.address()) if cached and source.offset_size <= 8 else (None, None)
    table = (tree, heap) if tree is not None and heap is not None else None
    return Superblock(source, root, end, None, driver, table)


def _modern(source: Source) -> Superblock:
    fields = source.read(0, 12 + 4 * source.offset_size + 4, "HDF5 superblock")
    fields.take(12)
    stored_base = fields.address()
    extension = fields.address()
    end = _end(source, stored_base, fields.address())
    return Superblock(source, _root(fields), end, extension, None, None)


def _end(source: Source, stored_base: int | None, stored_end: int | None) -> int:
    """The end moves with the superblock when something was put before it or taken away."""
    return (stored_end or 0) + source.base - (stored_base or 0)


def _root(fields: Fields) -> int:
    root = fields.address()
    if root is None:
        message = "the HDF5 superblock names no root group"
        raise Malformed(message, offset=fields.offset)
    return root
