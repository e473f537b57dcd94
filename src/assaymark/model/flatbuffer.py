"""FlatBuffers read by hand, with every offset checked: the shared ground of the TFLite and ExecuTorch parsers.

A buffer begins with the offset of its root table; bytes 4 to 8 may be the identifier of a schema. A table begins with
the distance back to its vtable, which lists for each field, by its number in the schema, where it stands in the table
(0: left out, the default counts). Strings, vectors and other tables are reached by unsigned offsets that point forward.
(FlatBuffers, "Internals", https://flatbuffers.dev/internals/.)

Use it so::

    buffer = Buffer(blob, context.budget, "the TFLite model")
    root = buffer.root(b"TFL3")
    version = root.scalar(0, "I")                     # struct format of one value, little endian
    for subgraph in root.tables(2):                   # vector of tables
        name = subgraph.string(4) or ""
        inputs = subgraph.scalars(1, "i")             # vector of scalars
        offset, length = subgraph.span(5)             # vector of bytes, without reading them

`Malformed` says which table and field points where it cannot. Tables may be shared, in a hostile file so that there are
more ways to them than can be walked: each Table knows its `depth` below the root, deeper than 64 is Malformed, and all
tables and vector elements that are ever handed out are counted against `Buffer.MOST`, so any walk over a buffer ends.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

_DEEPEST = 64
"""Tables below tables. The schemas in use nest about ten deep."""
_PAGE = 1 << 16
_STRING = 16 << 20
"""Bytes of one string."""
_SPENT = 1 << 10
"""Bytes of a string that cost as much as one table: many tables may share a long one."""


class Buffer:
    """One flatbuffer that begins at offset 0 of `blob`. `what` names it in messages."""

    MOST = 5_000_000
    """Tables and elements in all."""

    def __init__(self, blob: Blob, budget: Budget, what: str) -> None:
        self.blob = blob
        self.what = what
        self._budget = budget
        self._spent = 0
        self._pages: dict[int, bytes] = {}

    def root(self, identifier: bytes = b"") -> "Table":
        """The root table; Malformed where the four bytes at offset 4 are not `identifier`."""
        if identifier and self.bytes(4, 4, "the identifier") != identifier:
            message = f"{self.what} lacks the identifier {identifier.decode('latin-1')!r}"
            raise Malformed(message, offset=4)
        return self.table(self.unsigned(0, "the root offset"), "the root", 0)

    def bytes(self, at: int, length: int, what: str) -> bytes:
        """Exactly `length` bytes at `at`. Small reads share pages, as fields of neighbouring tables stand together."""
        if at < 0 or length < 0 or at + length > self.blob.size:
            message = f"{what} of {self.what} needs {length} bytes at offset {at}, the content ends at {self.blob.size}"
            raise Malformed(message, offset=max(at, 0))
        page, inside = divmod(at, _PAGE)
        if inside + length > _PAGE:
            return self.blob.read(at, length)
        if page not in self._pages:
            if len(self._pages) >= 64:
                self._pages.clear()
            self._pages[page] = self.blob.read(page * _PAGE, _PAGE)
        return self._pages[page][inside : inside + length]

    def unsigned(self, at: int, what: str) -> int:
        """A 32-bit offset or length."""
        return int.from_bytes(self.bytes(at, 4, what), "little")

    def table(self, at: int, what: str, depth: int) -> "Table":
        """The table at `at`, its vtable checked."""
        if depth > _DEEPEST:
            raise Malformed(f"{self.what} nests tables deeper than {_DEEPEST}", offset=at)
        self.spend(1)
        back = int.from_bytes(self.bytes(at, 4, what), "little", signed=True)
        head = at - back
        size, extent = struct.unpack("<HH", self.bytes(head, 4, f"the vtable of {what}"))
        if size < 4 or size % 2 or extent < 4:
            message = f"the vtable of {what} of {self.what} is {size} bytes for a table of {extent}"
            raise Malformed(message, offset=head)
        slots = struct.unpack(f"<{size // 2 - 2}H", self.bytes(head + 4, size - 4, f"the vtable of {what}"))
        if at + extent > self.blob.size:
            raise Malformed(f"{what} of {self.what} reaches past the end", offset=at)
        return Table(self, at, extent, slots, what, depth)

    def spend(self, count: int) -> None:
        """Account for `count` tables or elements."""
        before, self._spent = self._spent, self._spent + count
        if self._spent > self.MOST:
            raise OverBudget(f"{self.what} has more than {self.MOST:,} tables and elements")
        if before // 50_000 != self._spent // 50_000:
            self._budget.tick()


@dataclass(frozen=True, slots=True)
class Table:
    """A table at offset `at` (bytes). Fields are asked for by their number in the schema, from 0.

    A union takes two fields: its type (`scalar(n, "B")`), then its value (`table(n + 1)`).
    """

    buffer: Buffer
    at: int
    extent: int
    """Bytes of the table itself."""
    slots: tuple[int, ...]
    what: str
    depth: int

    def place(self, field: int, size: int) -> int:
        """Offset of the field's `size` bytes in the buffer; 0 where the field is left out."""
        slot = self.slots[field] if field < len(self.slots) else 0
        if not slot:
            return 0
        if slot < 4 or slot + size > self.extent:
            message = f"field {field} of {self.what} stands at {slot} of a table of {self.extent} bytes"
            raise Malformed(message, offset=self.at)
        return self.at + slot

    def scalar(self, field: int, kind: str, default: int | float = 0) -> int | float:  # noqa: PYI041 - both are meant
        """One value; `kind` is a letter of `struct` (b B h H i I q Q f d ?)."""
        size = struct.calcsize(f"<{kind}")
        at = self.place(field, size)
        if not at:
            return default
        value: int | float = struct.unpack(f"<{kind}", self.buffer.bytes(at, size, self._field(field)))[0]
        return value

    def integer(self, field: int, kind: str, default: int = 0) -> int:
        """`scalar` of an integer kind."""
        return int(self.scalar(field, kind, default))

    def string(self, field: int) -> str | None:
        """A text, None where the field is left out. Bytes that are no UTF-8 are kept as escapes."""
        at = self._target(field)
        return self._string(at, self._field(field)) if at else None

    def table(self, field: int) -> "Table | None":
        """A table below this one, None where the field is left out."""
        at = self._target(field)
        return self.buffer.table(at, self._field(field), self.depth + 1) if at else None

    def span(self, field: int, width: int = 1) -> tuple[int, int]:
        """Offset of the first element and number of elements of a vector, each `width` bytes; (0, 0) where left out."""
        at = self._target(field)
        if not at:
            return 0, 0
        what = self._field(field)
        count = self.buffer.unsigned(at, what)
        if at + 4 + count * width > self.buffer.blob.size:
            message = f"{what} of {self.buffer.what} has {count:,} elements, more than there is room for"
            raise Malformed(message, offset=at)
        return at + 4, count

    def scalars(self, field: int, kind: str, most: int = 1_000_000) -> tuple[int | float, ...]:
        """A vector of scalars; `kind` as in `scalar`. OverBudget for more than `most`."""
        width = struct.calcsize(f"<{kind}")
        at, count = self.span(field, width)
        if count > most:
            raise OverBudget(f"{self._field(field)} of {self.buffer.what} has {count:,} elements, more than {most:,}")
        self.buffer.spend(count)
        return struct.unpack(f"<{count}{kind}", self.buffer.bytes(at, count * width, self._field(field)))

    def strings(self, field: int) -> Iterator[str]:
        """A vector of texts."""
        for at, what in self._targets(field):
            self.buffer.spend(1)
            yield self._string(at, what)

    def item(self, field: int, index: int) -> "Table | None":
        """One table of a vector of tables, None beyond its end."""
        at, count = self.span(field, 4)
        if not 0 <= index < count:
            return None
        what, place = self._field(field), at + 4 * index
        return self.buffer.table(place + self.buffer.unsigned(place, what), f"an element of {what}", self.depth + 1)

    def tables(self, field: int) -> Iterator["Table"]:
        """A vector of tables."""
        for at, what in self._targets(field):
            yield self.buffer.table(at, what, self.depth + 1)

    def _targets(self, field: int) -> Iterator[tuple[int, str]]:
        at, count = self.span(field, 4)
        what = self._field(field)
        for place in range(at, at + 4 * count, 4):
            yield place + self.buffer.unsigned(place, what), f"an element of {what}"

    def _target(self, field: int) -> int:
        at = self.place(field, 4)
        return at + self.buffer.unsigned(at, self._field(field)) if at else 0

    def _string(self, at: int, what: str) -> str:
        length = self.buffer.unsigned(at, what)
        if length > _STRING:
            raise Malformed(f"{what} of {self.buffer.what} is a text of {length:,} bytes", offset=at)
        self.buffer.spend(length // _SPENT)
        return self.buffer.bytes(at + 4, length, what).decode("utf-8", "backslashreplace")

    def _field(self, field: int) -> str:
        return f"field {field} of {self.what}"
