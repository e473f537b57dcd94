"""Where HDF5 structures are read from: the addresses, field sizes and limits of one file."""

import math

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

STRUCTURES = 4_000_000
"""Blocks, messages, records and names that are read of one file."""
METADATA = 1 << 30
"""Bytes that are read of one file: the same block may be referred to many times."""


class Source:
    """One HDF5 file. Addresses count from `base`, where its superblock stands."""

    def __init__(self, blob: Blob, base: int, offset_size: int, length_size: int, budget: Budget) -> None:
        """`offset_size` and `length_size` are the widths of addresses and of lengths, in bytes."""
        self.blob = blob
        self.base = base
        self.offset_size = offset_size
        self.length_size = length_size
        self.budget = budget
        self.shared_messages: tuple[int, int] | None = None
        """Address of the table of shared messages and its length in indexes, from the superblock extension."""
        self._structures = 0
        self._bytes = 0
        self.seen: list[tuple[int, int]] = []
        """Begin and end of every structure that was read, by offset in the blob."""

    def step(self) -> None:
        """Account for one structure."""
        self._structures += 1
        if self._structures > STRUCTURES:
            message = f"the HDF5 file has more than {STRUCTURES:,} structures of metadata"
            raise OverBudget(message, step="look at it with h5dump in a sandbox, or split it")
        self.budget.tick()

    def read(self, address: int, length: int, what: str) -> "Fields":
        """`length` bytes at `address`; Malformed where the file does not have them."""
        self.step()
        self.budget.header(length, what)
        self._bytes += length
        if self._bytes > METADATA:
            message = f"the HDF5 file makes its reader read more than {METADATA >> 30} GiB of metadata"
            raise OverBudget(message)
        offset = self.base + address
        self.seen.append((offset, offset + length))
        return Fields(exact(self.blob, offset, length, what), offset, what, self)

    def block(self, address: int, signature: bytes, length: int, what: str) -> "Fields":
        """A block that begins with a signature of four bytes, the cursor behind it."""
        fields = self.read(address, length, what)
        found = fields.take(4)
        if found != signature:
            expected = signature.decode("ascii")
            message = f"{what} begins with {found.hex(' ')}, not with {expected}"
            raise Malformed(message, offset=fields.origin)
        return fields

    def upto(self, address: int, length: int) -> int:
        """The part of `length` bytes at `address` that the file has."""
        return max(0, min(length, self.blob.size - self.base - address))


class Fields:
    """A cursor over little-endian fields that never reads past its end."""

    __slots__ = ("_data", "_end", "_source", "at", "origin", "what")

    def __init__(self, data: bytes, origin: int, what: str, source: Source) -> None:
        """`origin` is the offset of the first byte in the blob."""
        self._data = data
        self._end = len(data)
        self._source = source
        self.at = 0
        self.origin = origin
        self.what = what

    @property
    def left(self) -> int:
        """Bytes behind the cursor."""
        return self._end - self.at

    @property
    def offset(self) -> int:
        """Where the cursor stands in the blob."""
        return self.origin + self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start = self.at
        end = start + size
        if not start <= end <= self._end:
            message = f"{self.what} ends early: {size} bytes are declared where {self.left} are left"
            raise Malformed(message, offset=self.offset)
        self.at = end
        return self._data[start:end]

    def part(self, size: int, what: str) -> "Fields":
        """A cursor over the next `size` bytes."""
        origin = self.offset
        return Fields(self.take(size), origin, what, self._source)

    def number(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def address(self) -> int | None:
        """An address, or None for the undefined one (all bits set)."""
        size = self._source.offset_size
        value = self.number(size)
        return None if value == (1 << 8 * size) - 1 else value

    def length(self) -> int:
        """A length."""
        return self.number(self._source.length_size)

    def until_nul(self) -> bytes:
        """Bytes up to the next NUL, which is passed."""
        end = self._data.find(b"\0", self.at)
        if end < 0:
            message = f"{self.what} has a text without its end"
            raise Malformed(message, offset=self.offset)
        found = self._data[self.at : end]
        self.at = end + 1
        return found


def text(name: bytes) -> str:
    """A name as text, whatever its bytes."""
    return name.decode("utf-8", "backslashreplace")


def width(limit: int) -> int:
    """Bytes that the library writes a number of at most `limit` in (H5VM_limit_enc_size)."""
    return (max(limit, 1).bit_length() - 1) // 8 + 1


def elements(dims: tuple[int, ...]) -> int:
    """Elements of an array of these dimensions, one for a scalar."""
    return math.prod(dims)
