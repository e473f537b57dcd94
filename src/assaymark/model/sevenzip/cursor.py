"""Reads the property lists of a 7z header from memory; whatever is missing is Malformed."""

from assaymark.core.errors import Malformed, OverBudget

_BITS = 20_000_000
"""Bits of all vectors of one header: each becomes a value, where the header may spend a fraction of a byte on it."""


class Cursor:
    """A place in a header that was read (or decompressed) whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bits = 0
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes that follow."""
        return len(self._data) - self.at

    def take(self, length: int, what: str) -> bytes:
        """The next `length` bytes."""
        if length > self.left:
            raise Malformed(f"the 7z header ends within {what}: {length:,} bytes wanted, {self.left:,} are there")
        self.at += length
        return self._data[self.at - length : self.at]

    def byte(self, what: str) -> int:
        """The next byte."""
        return self.take(1, what)[0]

    def fixed(self, length: int, what: str) -> int:
        """A little-endian number of `length` bytes."""
        return int.from_bytes(self.take(length, what), "little")

    def number(self, what: str) -> int:
        """A number in the variable form: the leading one bits of the first byte count the bytes that follow it."""
        first, extra = self.byte(what), 0
        while extra < 8 and first & 0x80 >> extra:
            extra += 1
        high = first & (0x7F >> extra if extra < 8 else 0)
        return high << 8 * extra | self.fixed(extra, what)

    def count(self, what: str, limit: int) -> int:
        """A number of things, of which the rest of the header must hold one bit each at least."""
        value = self.number(what)
        if value > limit:
            raise Malformed(f"the 7z header declares {value:,} {what}, more than it could describe")
        return value

    def bits(self, length: int, what: str) -> list[bool]:
        """A vector of bits, highest first."""
        data = self.take(-(-length // 8), what)
        self._bits += length
        if self._bits > _BITS:
            raise OverBudget(f"the 7z header has vectors of more than {_BITS:,} bits")
        return [bool(data[i >> 3] & 0x80 >> (i & 7)) for i in range(length)]

    def defined(self, length: int, what: str) -> list[bool]:
        """A vector of bits that one byte stands for where all of them are set."""
        return [True] * length if self.byte(what) else self.bits(length, what)

    def expect(self, kind: int, what: str) -> None:
        """The next byte is `kind`."""
        found = self.byte(what)
        if found != kind:
            raise Malformed(f"the 7z header has property {found:#x} where {what} ({kind:#x}) belongs")

    def inside(self, what: str) -> None:
        """The byte that says whether a list stands here or in another stream; the latter nobody writes."""
        if self.byte(what):
            raise Malformed(f"the 7z header keeps {what} in another stream, which no writer does")
