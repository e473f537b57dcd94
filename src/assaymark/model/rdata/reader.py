"""The three spellings of R's serialization: XDR (big-endian), native binary, and ASCII (src/main/serialize.c)."""

import re
from typing import Protocol

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, Opaque

_WINDOW = 1 << 18
_WORD = re.compile(rb"\s*(\S+)(?=\s)")
_NUMBER = re.compile(rb"-?\d{1,11}")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"v": b"\v", b"b": b"\b", b"r": b"\r", b"f": b"\f", b"a": b"\a"}
_ESCAPED = re.compile(rb"\\(?:[0-7]{1,3}|.)|[^\\\s]", re.DOTALL)
NA = -(1 << 31)
_TICK = 50_000
NAME_LIMIT = 1 << 16
"""Bytes of a text that is looked at; longer ones are stepped over."""


class Reader(Protocol):
    """Where the next value stands, and how to take it."""

    at: int

    def integer(self) -> int:
        """A signed 32-bit integer."""
        ...

    def step(self, count: int, width: int) -> None:
        """Pass `count` numbers of `width` bytes each; width 16 is a pair of numbers."""
        ...

    def text(self, length: int) -> bytes:
        """A text of `length` bytes; only the first NAME_LIMIT of them."""
        ...


class Binary:
    """XDR and native binary."""

    def __init__(self, blob: Blob, at: int, order: str) -> None:
        self._blob = blob
        self._order: str = order
        self._start, self._window = 0, b""
        self.at = at

    def integer(self) -> int:
        """See Reader.integer."""
        low = self.at - self._start
        if low < 0 or low + 4 > len(self._window):
            self._start, self._window, low = self.at, self._blob.read(self.at, _WINDOW), 0
            if len(self._window) < 4:
                exact(self._blob, self.at, 4, "an integer")
        self.at += 4
        return int.from_bytes(self._window[low : low + 4], self._order, signed=True)  # type: ignore[arg-type] # an order

    def step(self, count: int, width: int) -> None:
        """See Reader.step."""
        self._pass(count * width, "a vector")

    def text(self, length: int) -> bytes:
        """See Reader.text."""
        start, low = self.at, self.at - self._start
        self._pass(length, "a text")
        kept = min(length, NAME_LIMIT)
        if low >= 0 and low + kept <= len(self._window):
            return self._window[low : low + kept]
        return self._blob.read(start, kept)

    def _pass(self, length: int, what: str) -> None:
        if self.at + length > self._blob.size:
            left = self._blob.size - self.at
            raise Malformed(f"{what} needs {length:,} bytes, {left:,} are left", offset=self.at)
        self.at += length


class Ascii:
    """The textual spelling: words with white space between, texts with backslash escapes."""

    def __init__(self, blob: Blob, at: int, budget: Budget) -> None:
        self._blob = blob
        self._budget = budget
        self.at = at
        self._start, self._window = at, b""

    def integer(self) -> int:
        """See Reader.integer."""
        word = self._word()
        if word == b"NA":
            return NA
        if not _NUMBER.fullmatch(word):
            raise Malformed(f"{word[:20]!r} is no integer", offset=self.at)
        return int(word)

    def step(self, count: int, width: int) -> None:
        """See Reader.step."""
        for index in range(count * (2 if width == 16 else 1)):
            if not index % _TICK:
                self._budget.tick()
            self._word()

    def text(self, length: int) -> bytes:
        """See Reader.text."""
        if length > self._blob.size - self.at:
            raise Malformed(f"a text needs {length:,} bytes, {self._blob.size - self.at:,} are left", offset=self.at)
        found: list[bytes] = []
        count = 0
        while count < length:
            rest = self._ahead(8)
            if not count:
                blank = len(rest) - len(rest.lstrip())
                if blank:
                    self.at += blank
                    continue
            match = _ESCAPED.match(rest) if rest else None
            if match is None:
                raise Malformed("a text ends early", offset=self.at)
            self.at += match.end()
            count += 1
            if not count % _TICK:
                self._budget.tick()
            if count <= NAME_LIMIT:
                found.append(_unescaped(match[0]))
        return b"".join(found)

    def _word(self) -> bytes:
        match = _WORD.match(self._window, self.at - self._start)
        if match is None:
            self._start, self._window = self.at, self._blob.read(self.at, _WINDOW)
            if self.at + len(self._window) >= self._blob.size:
                self._window += b"\n"
            match = _WORD.match(self._window)
        if match is None:
            raise Malformed("the content ends where a number is due", offset=self.at)
        self.at = self._start + match.end()
        return match[1]

    def _ahead(self, length: int) -> bytes:
        low = self.at - self._start
        if low < 0 or low + length > len(self._window):
            self._start, self._window, low = self.at, self._blob.read(self.at, _WINDOW), 0
        return self._window[low : low + length]


def _unescaped(text: bytes) -> bytes:
    if text[:1] != b"\\":
        return text
    rest = text[1:]
    return bytes((int(rest, 8) & 0xFF,)) if b"0" <= rest[:1] <= b"7" else _ESCAPES.get(rest, rest)


def open_reader(blob: Blob, budget: Budget) -> tuple[Reader, bool]:
    """The reader behind the magic, the version and the native encoding; and whether it is a workspace.

    R takes the spelling from the first byte, whatever the second is, and steps over a line feed before an `A`
    (InFormat in serialize.c).
    """
    start = blob.read(0, 7)
    workspace = start[:2] == b"RD" and start[4:5] == b"\n"
    if workspace and start[3:4] not in {b"2", b"3"}:
        raise Opaque(f"a workspace of the withdrawn format {start[:4].decode('latin-1')}: this version has no parser")
    at = 5 if workspace else 0
    at += blob.read(at, 2) == b"\nA"
    kind = exact(blob, at, 2, "the header")[:1]
    reader: Reader
    if kind == b"X":
        reader = Binary(blob, at + 2, "big")
    elif kind == b"B":
        order = "little" if blob.read(at + 2, 1) != b"\0" else "big"
        reader = Binary(blob, at + 2, order)
    elif kind == b"A":
        reader = Ascii(blob, at + 2, budget)
    else:
        raise Malformed(f"a serialized R object begins with X, A or B, not with {kind!r}", offset=at)
    version = reader.integer()
    if version not in {2, 3}:
        raise Malformed(f"serialization version {version} does not exist", offset=at + 2)
    reader.integer()
    reader.integer()
    if version == 3:
        length = reader.integer()
        if not 0 <= length <= 63:
            raise Malformed(f"the name of the native encoding has {length} bytes", offset=reader.at)
        reader.text(length)
    return reader, workspace
