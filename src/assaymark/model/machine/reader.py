"""A window over a blob: what a stream of opcodes is read through."""

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed

WINDOW = 1 << 20
AHEAD = 1 << 12
"""While more input follows, at least this many bytes stand in the window behind each opcode."""
LONG_LINE = 5_000
"""Bytes that are kept of a line that is longer than the window. Python reads numbers of up to 4,300 digits."""


class CutOff(Malformed):
    """The stream needs more bytes than there are."""


class Reader:
    """`buf[pos]` is the next byte; `base + pos` its offset in the blob; at `limit` the caller must call `pause`."""

    __slots__ = ("at_end", "base", "blob", "buf", "frame_end", "limit", "pos")

    def __init__(self, blob: Blob, start: int) -> None:
        self.blob = blob
        self.frame_end = 0
        self.seek(start)

    def seek(self, offset: int) -> None:
        """Put the window at `offset`."""
        self.base = offset
        self.pos = 0
        self.buf = self.blob.read(offset, WINDOW + AHEAD)
        self.at_end = offset + len(self.buf) >= self.blob.size
        self._set_limit()

    def _set_limit(self) -> None:
        self.limit = len(self.buf) if self.at_end else WINDOW
        if self.frame_end:
            self.limit = max(0, min(self.limit, self.frame_end - self.base))

    @property
    def offset(self) -> int:
        """Offset of the next byte in the blob."""
        return self.base + self.pos

    def enter_frame(self, length: int) -> bool:
        """A FRAME of `length` bytes begins; False when it begins inside of another."""
        inside = self.frame_end > self.offset
        self.frame_end = self.offset + length
        self._set_limit()
        return not inside

    def leave_frame(self) -> bool:
        """What follows is not of the stream; False when a frame is still open."""
        closed = self.frame_end <= self.offset
        self.frame_end = 0
        self._set_limit()
        return closed

    def pause(self) -> bool:
        """Move the window on; False when the last opcode reached over the end of its frame."""
        aligned = True
        if self.frame_end and self.offset >= self.frame_end:
            aligned = self.offset == self.frame_end
            self.frame_end = 0
            self._set_limit()
        if self.pos >= self.limit and not self.at_end:
            self.seek(self.offset)
        return aligned

    def line(self) -> bytes:
        """Bytes up to the next newline, which is consumed.

        At the end of the input the Python unpickler drops the last byte, whatever it is: so do we.
        """
        end = self.buf.find(b"\n", self.pos)
        if end < 0 and not self.at_end:
            self.seek(self.offset)
            end = self.buf.find(b"\n")
            if end < 0 and not self.at_end:
                return self._long_line()
        start = self.pos
        self.pos = end + 1 if end >= 0 else len(self.buf)
        return self.buf[start : self.pos - 1]

    def _long_line(self) -> bytes:
        """Pass over a line longer than the window: its first bytes and its last one, too long for any name or number."""
        start, last, at = self.buf[:LONG_LINE], self.buf[-1:], self.base + len(self.buf)
        while at < self.blob.size:
            piece = self.blob.read(at, WINDOW)
            end = piece.find(b"\n")
            if end >= 0:
                self.seek(at + end + 1)
                return start + (piece[end - 1 : end] or last)
            last = piece[-1:]
            at += len(piece)
        raise CutOff(f"a text argument longer than {WINDOW >> 20} MiB that does not end", offset=self.base)

    def skip(self, count: int) -> int:
        """Pass over `count` bytes without reading them; returns their offset. Raises CutOff past the end."""
        start = self.offset
        if count < 0 or start + count > self.blob.size:
            raise CutOff(f"needs {count:,} bytes, {self.blob.size - start:,} are left", offset=start)
        if self.pos + count <= len(self.buf):
            self.pos += count
        else:
            self.seek(start + count)
        return start
