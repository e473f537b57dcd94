"""Signatures and texts in the raw bytes of a tensor: vectorised comparisons turn away all but a few places.

Every even offset is compared with the magic numbers (every offset in tensors of single bytes); what equals one is confirmed by
`signatures`. Texts are looked for in floating point only: bytes of integers may be a vocabulary.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assaymark.core.blob import Slice
from assaymark.model.weights.signatures import START, carried
from assaymark.model.weights.source import Weights
from assaymark.model.weights.views import TEXT, Carried

if TYPE_CHECKING:
    import numpy as np

_CONFIRMED = 1_000
"""Places in one tensor that are looked at closely; more of them than chance has in 4 TB."""
_TILE = 1 << 18
"""Bytes: the comparisons of one tile stay in the cache."""
_FULL = tuple(
    int.from_bytes(magic, "little")
    for magic in (
        b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe",
        b"PK\x03\x04", b"\xfd7zX", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!", b"----", b"#! /",
        b"PE\0\0",
    )
)  # fmt: skip
"""The first four bytes of what `signatures` knows; of Windows programs the mark that their first bytes lead to."""
_THREE = tuple(
    int.from_bytes(magic, "little")
    for magic in (
        b"BZh",
        b"#!/",
        b"\x1f\x8b\x08",
        b"\x80\x04\x95",
        b"\x80\x05\x95",
        b"\x80\x02c",
        b"\x80\x03c",
        b"\x80\x02}",
        b"\x80\x03}",
    )
)
_PE = int.from_bytes(b"PE\0\0", "little")
_WORDS = 16
"""Words of four bytes below 128 in a row: 64 bytes of text. Uniform bits have it once in 2^64 places."""
_LETTERS = re.compile(rb"[A-Za-z0-9 ]")
_PRINTABLE = re.compile(rb"[\t\n\r -~]{64,}")


class Search:
    """One tensor, fed block by block."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._whole = Slice(weights.blob, weights.offset, weights.size)
        self._shifts = (0, 1, 2, 3) if weights.dtype in {"I8", "U8", "BOOL"} else (0, 2)
        self._texts = weights.dtype in {"F64", "F32", "F16", "BF16"}
        self._confirmed = 0
        self._seen: set[tuple[str, str]] = set()

    @property
    def gave_up(self) -> bool:
        """More places look like a signature than were looked at."""
        return self._confirmed > _CONFIRMED

    def feed(self, data: bytes, at: int) -> Iterator[Carried]:
        """Look at the bytes from `at` on; each kind of thing is said once."""
        import numpy as np

        if not at:
            yield from self._confirm(0, 0)  # also what has no magic number: a pickle of protocol 0
        for shift in self._shifts:
            body = data[shift:] if shift else data
            words = np.frombuffer(body, "<u4", len(body) // 4)
            for place in _candidates(words):
                yield from self._confirm(at + shift + 4 * place, int(words[place]))
        if self._texts:
            words = np.frombuffer(data, "<u4", len(data) // 4)
            yield from self._text(words, data, at)

    def _confirm(self, offset: int, word: int) -> Iterator[Carried]:
        self._confirmed += 1
        if self.gave_up:
            return
        if word == _PE:
            before = max(0, offset - 4096)
            head = self._whole.read(before, offset - before)
            starts = [m.start() for m in re.finditer(b"MZ", head)]
            places = [before + s for s in starts if int.from_bytes(head[s + 60 : s + 64], "little") == len(head) - s]
        else:
            places = [offset]
        for place in places:
            found = carried(self._whole, place, self._whole.read(place, START))
            if found is not None and found not in self._seen and len(self._seen) < 20:
                self._seen.add(found)
                yield Carried(self._weights.name[:200], *found, place)

    def _text(self, words: "np.ndarray[Any, Any]", data: bytes, at: int) -> Iterator[Carried]:
        flags = ((words & 0x80808080) == 0).tobytes()
        place = flags.find(b"\1" * _WORDS)
        for _ in range(16):
            if place < 0 or (TEXT, "text") in self._seen:
                return
            end = flags.find(b"\0", place)
            end = len(flags) if end < 0 else end
            text = _PRINTABLE.search(data[4 * place : min(4 * end, 4 * place + 4096)])
            if text and is_text(text[0]):
                self._seen.add((TEXT, "text"))
                yield Carried(self._weights.name[:200], TEXT, f"text of {len(text[0]):,} characters or more",
                              at + 4 * place + text.start())  # fmt: skip
            place = flags.find(b"\1" * _WORDS, end)


def is_text(data: bytes) -> bool:
    """Printable bytes that are written, or base64: numbers that happen to be printable are the same at each element."""
    if len(data) < 64 or len(set(data)) < 12 or len(_LETTERS.findall(data)) < 0.7 * len(data):
        return False
    return all(
        len(set(data[lane::width])) > 5 for width in (2, 4, 8) for lane in range(width) if len(data) >= 16 * width
    )


def _candidates(words: "np.ndarray[Any, Any]") -> list[int]:
    """Where a word is the begin of a signature."""
    import numpy as np

    found: list[int] = []
    size = min(_TILE // 4, len(words))
    hits, same, low = np.empty(size, bool), np.empty(size, bool), np.empty(size, "<u4")
    for at in range(0, len(words), max(size, 1)):
        tile = words[at : at + size]
        hit, equal, cut = hits[: len(tile)], same[: len(tile)], low[: len(tile)]
        np.equal(tile, _FULL[0], out=hit)
        for magic in _FULL[1:]:
            np.logical_or(hit, np.equal(tile, magic, out=equal), out=hit)
        np.bitwise_and(tile, 0xFFFFFF, out=cut)
        for magic in _THREE:
            np.logical_or(hit, np.equal(cut, magic, out=equal), out=hit)
        if hit.any():
            found += (at + np.flatnonzero(hit)[: _CONFIRMED + 1]).tolist()
    return found[: _CONFIRMED + 1]
