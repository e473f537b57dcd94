"""Deflate64: DEFLATE (RFC 1951) with a window of 64 KiB and matches of up to 65,538 bytes.

Zip method 9, and 7z. No library of ours decodes it. Slow, a few MB a second, and rarely met.
"""

from collections.abc import Iterable

_WINDOW = 1 << 16
_SYMBOLS = 1 << 12
"""Symbols decoded between two looks at how much came out."""
_BURST = 1 << 20
"""Bytes that may wait to be taken: one symbol can stand for 64 KiB."""
_LENGTHS = (
    *((3 + i, 0) for i in range(8)),
    *((base, extra) for extra, base0 in ((1, 11), (2, 19), (3, 35), (4, 67), (5, 131))
      for base in range(base0, base0 + (4 << extra), 1 << extra)),
    (3, 16),
)  # fmt: skip
"""Base and extra bits of the length codes 257 to 285; the last is what DEFLATE has not."""
_DISTANCES = tuple((1 + i, 0) if i < 4 else (1 + ((2 + i % 2) << i // 2 - 1), i // 2 - 1) for i in range(32))
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

Table = tuple[int, list[int]]
"""Bits of the longest code, and for each value of so many bits `symbol << 4 | length of its code`; 0 for no code."""


class _Starved(Exception):
    """More input is needed."""


def _table(lengths: Iterable[int]) -> Table:
    """Canonical Huffman codes of these lengths, bits reversed as they come. Raises ValueError for too many codes."""
    sized = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    width = sized[-1][0] if sized else 1
    entries = [0] * (1 << width)
    code = last = 0
    for length, symbol in sized:
        code <<= length - last
        last = length
        if code >> length:
            raise ValueError("more codes than there can be")
        start = int(f"{code:0{length}b}"[::-1], 2)
        entries[start :: 1 << length] = [symbol << 4 | length] * (1 << width - length)
        code += 1
    return width, entries


class Inflate64:
    """The decoder; see decoders.Decoder. Raises ValueError for broken input."""

    def __init__(self) -> None:
        self.needs_input = True
        self._data, self._at, self._bits, self._count = b"", 0, 0, 0
        self._out, self._given = bytearray(), 0
        self._step = self._header
        self._final, self._done, self._stored = False, False, 0
        self._literals: Table = (1, [])
        self._far: Table = (1, [])

    @property
    def eof(self) -> bool:
        """See Decoder."""
        return self._done and self._given == len(self._out)

    @property
    def unused_data(self) -> bytes:
        """See Decoder."""
        if not self.eof:
            return b""
        held = self._bits >> self._count % 8  # whole bytes that were taken in and not needed
        return held.to_bytes(self._count // 8, "little") + self._data[self._at :]

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """See Decoder."""
        self._data, self._at = self._data[self._at :] + data, 0
        starved = False
        while not self._done and not starved and len(self._out) - self._given < max_length:
            try:
                self._step()
            except _Starved:
                starved = True
        given = bytes(self._out[self._given : self._given + max_length])
        self._given += len(given)
        self.needs_input = starved and self._given == len(self._out)
        if self._given > 4 * _WINDOW:
            del self._out[: self._given - _WINDOW]
            self._given = _WINDOW
        return given

    def _fill(self) -> bool:
        piece = self._data[self._at : self._at + 6]
        self._bits |= int.from_bytes(piece, "little") << self._count
        self._count += 8 * len(piece)
        self._at += len(piece)
        return bool(piece)

    def _take(self, count: int) -> int:
        while self._count < count:
            if not self._fill():
                raise _Starved
        value = self._bits & (1 << count) - 1
        self._bits >>= count
        self._count -= count
        return value

    def _symbol(self, table: Table) -> int:
        width, entries = table
        while True:
            entry = entries[self._bits & (1 << width) - 1]
            if 0 < entry & 15 <= self._count:
                self._bits >>= entry & 15
                self._count -= entry & 15
                return entry >> 4
            if self._count >= width:
                raise ValueError("a code that the table does not have")
            if not self._fill():
                raise _Starved

    def _header(self) -> None:
        """The first three bits of a block, and what is needed to read it. Input that ends within takes nothing of it."""
        mark = self._bits, self._count, self._at
        try:
            self._read_header()
        except _Starved:
            self._bits, self._count, self._at = mark
            raise

    def _read_header(self) -> None:
        final, kind = self._take(1), self._take(2)
        if kind == 0:
            self._take(self._count % 8)
            length, inverse = self._take(16), self._take(16)
            if length ^ inverse != 0xFFFF:
                raise ValueError("a stored block has a wrong length")
            self._stored, self._step = length, self._copy
        elif kind == 1:
            self._literals = _table((8,) * 144 + (9,) * 112 + (7,) * 24 + (8,) * 8)
            self._far, self._step = _table((5,) * 32), self._codes
        elif kind == 2:
            self._literals, self._far = self._trees()
            self._step = self._codes
        else:
            raise ValueError("a block of a kind that there is not")
        self._final = bool(final)

    def _trees(self) -> tuple[Table, Table]:
        literals, distances, count = self._take(5) + 257, self._take(5) + 1, self._take(4) + 4
        sizes = [0] * 19
        for symbol in _ORDER[:count]:
            sizes[symbol] = self._take(3)
        table, lengths = _table(sizes), list[int]()
        while len(lengths) < literals + distances:
            symbol = self._symbol(table)
            if symbol < 16:
                lengths.append(symbol)
            elif symbol == 16:
                if not lengths:
                    raise ValueError("the first code length repeats another")
                lengths += lengths[-1:] * (3 + self._take(2))
            else:
                lengths += [0] * (3 + self._take(3) if symbol == 17 else 11 + self._take(7))
        return _table(lengths[:literals]), _table(lengths[literals : literals + distances])

    def _copy(self) -> None:
        """A stored block, as far as its bytes are there."""
        if not self._stored:
            self._end()
            return
        self._out.append(self._take(8))
        self._stored -= 1
        while self._stored and not self._count and self._at < len(self._data):
            piece = self._data[self._at : self._at + self._stored]
            self._out += piece
            self._at += len(piece)
            self._stored -= len(piece)

    def _codes(self) -> None:
        """Literals and matches. Input that ends within one takes nothing of it."""
        for _ in range(_SYMBOLS):
            mark = self._bits, self._count, self._at
            try:
                symbol = self._symbol(self._literals)
                if symbol < 256:
                    self._out.append(symbol)
                elif symbol == 256:
                    self._end()
                    return
                else:
                    self._match(symbol - 257)
                    if len(self._out) - self._given > _BURST:
                        return
            except _Starved:
                self._bits, self._count, self._at = mark
                raise

    def _match(self, code: int) -> None:
        if code >= len(_LENGTHS):
            raise ValueError("a length that there is not")
        base, extra = _LENGTHS[code]
        length = base + self._take(extra)
        base, extra = _DISTANCES[self._symbol(self._far)]
        distance = base + self._take(extra)
        start = len(self._out) - distance
        if start < 0:
            raise ValueError("a match begins before the content")
        piece = self._out[start : start + length]
        self._out += piece if distance >= length else (piece * (length // distance + 1))[:length]

    def _end(self) -> None:
        self._done = self._final
        self._step = self._header
