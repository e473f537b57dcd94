"""A window over a blob: what a stream of opcodes is read through."""

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget

WINDOW = 1 << 20
AHEAD = 1 << 12
"""While more input follows, at least this many bytes stand in the window behind each opcode."""


class CutOff(Malformed):
    """The stream needs more bytes than there are."""


class Reader:
    """`buf[pos]` is the next byte; `base + pos` its offset in the blob."""

    __slots__ = ("at_end", "base", "blob", "buf", "limit", "pos")

    def __init__(self, blob: Blob, start: int) -> None:
        self.blob = blob
        self.seek(start)

    def seek(self, offset: int) -> None:
        """Put the window at `offset`."""
        self.base = offset
        self.pos = 0
        self.buf = self.blob.read(offset, WINDOW + AHEAD)
        self.at_end = offset + len(self.buf) >= self.blob.size
        self.limit = len(self.buf) if self.at_end else WINDOW

    @property
    def offset(self) -> int:
        """Offset of the next byte in the blob."""
        return self.base + self.pos

    def refill(self) -> None:
        """Move the window so that it begins at the next byte."""
        self.seek(self.offset)

    def line(self) -> bytes:
        """Bytes up to the next newline, which is consumed. Raises Malformed where there is none."""
        end = self.buf.find(b"\n", self.pos)
        if end < 0 and not self.at_end:
            self.refill()
            end = self.buf.find(b"\n")
            if end < 0 and not self.at_end:
                raise OverBudget(f"a text argument longer than {WINDOW >> 20} MiB")
        if end < 0:
            raise CutOff("a text argument without its newline", offset=self.offset)
        start, self.pos = self.pos, end + 1
        return self.buf[start:end]

    def skip(self, count: int) -> int:
        """Pass over `count` bytes without reading them; returns their offset. Raises Malformed past the end."""
        start = self.offset
        if count < 0 or start + count > self.blob.size:
            raise CutOff(f"needs {count:,} bytes, {self.blob.size - start:,} are left", offset=start)
        if self.pos + count <= len(self.buf):
            self.pos += count
        else:
            self.seek(start + count)
        return start
