"""Sparse members of tar archives: the map of where their bytes belong, in the five ways that GNU tar wrote it."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed

Map = list[tuple[int, int]]
"""Offset in the file and length of each stored piece; the rest is zeros."""
_PIECES = 100_000
_BLOCK = 512


class SparseBlob:
    """A file whose stored pieces lie one behind the other from `data` on."""

    def __init__(self, blob: Blob, data: int, pieces: Map, size: int) -> None:
        self._blob = blob
        self.size = size
        self._starts = [offset for offset, _ in pieces]
        self._pieces: list[tuple[int, int, int]] = []
        for offset, length in pieces:
            self._pieces.append((offset, length, data))
            data += length

    def read(self, offset: int, length: int) -> bytes:
        """See core.blob.Blob."""
        stop = min(offset + length, self.size)
        if stop <= offset:
            return b""
        out = bytearray(stop - offset)
        for index in range(max(bisect_right(self._starts, offset) - 1, 0), bisect_left(self._starts, stop)):
            start, size, data = self._pieces[index]
            first, last = max(start, offset), min(start + size, stop)
            if first < last:
                out[first - offset : last - offset] = self._blob.read(data + first - start, last - first)
        return bytes(out[: stop - offset])


def sparse(blob: Blob, data: int, pieces: Map, size: int, stored: int, budget: Budget) -> SparseBlob:
    """The file of `size` bytes. Raises Malformed for a map that is no map, OverBudget for one that is a bomb."""
    end = 0
    for offset, length in pieces:
        if offset < end or length < 0:
            raise Malformed("the pieces of a sparse file overlap or are out of order", offset=data)
        end = offset + length
    if end > size or sum(length for _, length in pieces) > stored:
        raise Malformed("the map of a sparse file claims more bytes than there are", offset=data)
    budget.expand(size - min(stored, size), max(stored, 1), size)
    return SparseBlob(blob, data, [piece for piece in pieces if piece[1]], size)


def old_gnu(blob: Blob, header: bytes, data: int) -> tuple[Map, int, int]:
    """Map, real size, and where the content begins, of a header of type `S` (and the blocks that go on with its map)."""
    pieces = list(_quads(header[386:482]))
    size, more = _octal(header[483:495]), header[482]
    while more:
        block = exact(blob, data, _BLOCK, "a sparse map")
        pieces += _quads(block[:504])
        data, more = data + _BLOCK, block[504]
        if len(pieces) > _PIECES:
            raise Malformed(f"a sparse file has more than {_PIECES:,} pieces", offset=data)
    return pieces, size, data


def _quads(fields: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(fields) - 23, 24):
        if fields[at : at + 12].strip(b"\0 "):
            yield _octal(fields[at : at + 12]), _octal(fields[at + 12 : at + 24])


def _octal(field: bytes) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ")
    if digits.strip(b"01234567"):
        raise Malformed(f"a number of a sparse map is no number: {field!r}")
    return int(digits or b"0", 8)


def pax(records: list[tuple[bytes, bytes]], blob: Blob, data: int, size: int) -> tuple[Map, int, int]:
    """The same from pax records `GNU.sparse.*` (versions 0.0, 0.1 and 1.0); `size` bytes are stored from `data` on."""
    last = dict(records)
    real = _decimal(last.get(b"GNU.sparse.realsize", last.get(b"GNU.sparse.size", b"")))
    if b"GNU.sparse.major" in last:
        pieces, used = _in_content(blob, data, size)
        return pieces, real, data + used
    if b"GNU.sparse.map" in last:
        numbers = [_decimal(text) for text in last[b"GNU.sparse.map"].split(b",")]
    else:
        kinds = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        numbers = [_decimal(value) for key, value in records if key in kinds]
    return _paired(numbers), real, data


def _in_content(blob: Blob, data: int, size: int) -> tuple[Map, int]:
    """Version 1.0: decimal lines before the content, filled up to whole blocks."""
    numbers: list[int] = []
    used, rest = 0, b""
    while not numbers or len(numbers) < 1 + 2 * numbers[0]:
        if used + _BLOCK > size or len(rest) > _BLOCK or numbers[:1] > [_PIECES]:
            raise Malformed("the map of a sparse file ends early or is too long", offset=data + used)
        *lines, rest = (rest + exact(blob, data + used, _BLOCK, "a sparse map")).split(b"\n")
        used += _BLOCK
        for line in lines:
            if not numbers or len(numbers) < 1 + 2 * numbers[0]:
                numbers.append(_decimal(line))
    return _paired(numbers[1:]), used


def _paired(numbers: list[int]) -> Map:
    if len(numbers) % 2 or len(numbers) > 2 * _PIECES:
        raise Malformed("the map of a sparse file is no list of pairs")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise Malformed(f"a number of a sparse map is no number: {text[:40]!r}")
    return int(text)
