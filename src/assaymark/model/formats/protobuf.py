"""Protocol Buffers' wire format, read without a schema and without loading what is stepped over.

Encoding: https://protobuf.dev/programming-guides/encoding/. A message is a run of fields; what a field means is the
caller's to know. As every protobuf reader does, ignore unknown fields and known ones of an unexpected wire type, let
the last of a repeated singular field win, and take overlong varints.
"""

from collections.abc import Iterator
from typing import NamedTuple

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types. Groups (3 and 4) went out of use in 2008 and are malformed here."""
DEPTH = 100
"""Messages in messages, the limit of Google's own readers."""
_WINDOW = 1 << 15
_TICK = 65_536


class Field(NamedTuple):
    """One field: its number, its wire type, and where its payload stands (or the value of a varint)."""

    number: int
    wire: int
    start: int
    end: int
    value: int


class Reader:
    """Fields of a blob, through a small window that moves on with them."""

    def __init__(self, blob: Blob, budget: Budget) -> None:
        self._blob = blob
        self._budget = budget
        self._window = b""
        self._base = 0
        self._steps = 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message in these bytes, in order. Raises Malformed where they break off."""
        at = start
        while at < end:
            tag_at = at
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if not number or tag >> 32:
                raise Malformed(f"{number} is no protobuf field number", offset=tag_at)
            value, stop = 0, at
            if wire == VARINT:
                value, stop = self._varint(at, end)
            elif wire == BYTES:
                length, at = self._varint(at, end)
                stop = at + length
            elif wire in {FIXED64, FIXED32}:
                stop = at + (8 if wire == FIXED64 else 4)
            else:
                raise Malformed(f"protobuf field {number} has the wire type {wire}", offset=tag_at)
            if stop > end:
                message = f"protobuf field {number} ends at {stop:,}, the message around it at {end:,}"
                raise Malformed(message, offset=tag_at)
            self._steps += 1
            if not self._steps % _TICK:
                self._budget.tick()
            yield Field(number, wire, at, stop, value)
            at = stop

    def raw(self, field: Field, limit: int = 4096) -> bytes:
        """The first `limit` bytes of a field's payload."""
        length = min(field.end - field.start, limit)
        begin = field.start - self._base
        if begin >= 0 and begin + length <= len(self._window):
            return self._window[begin : begin + length]
        return self._blob.read(field.start, length)

    def text(self, field: Field, limit: int = 4096) -> str:
        """The first `limit` bytes of a text."""
        return self.raw(field, limit).decode(errors="replace")

    def integers(self, field: Field) -> Iterator[int]:
        """The varints of a repeated field, whether it is packed or not, as unsigned numbers."""
        if field.wire == VARINT:
            yield field.value
        at = field.start
        while field.wire == BYTES and at < field.end:
            value, at = self._varint(at, field.end)
            yield value

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Value (modulo 2^64) and the offset after it."""
        begin = at - self._base
        if begin < 0 or begin + 10 > len(self._window):
            self._base, begin = at, 0
            self._window = self._blob.read(at, _WINDOW)
        if at < end and begin < len(self._window) and self._window[begin] < 0x80:
            return self._window[begin], at + 1  # most are one byte
        value = 0
        for index, byte in enumerate(self._window[begin : begin + min(10, end - at)]):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at + index + 1
        raise Malformed("a protobuf varint is longer than ten bytes or cut off", offset=at)


def signed(value: int) -> int:
    """An int64 or int32 field's value."""
    return value - (1 << 64) if value >> 63 else value
