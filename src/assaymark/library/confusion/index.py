"""An index of popular names in order of rank: who is within two edits of a name, without looking at all of them.

Deletion neighbourhoods (as in FastSS and SymSpell): two texts within k edits share a text that k deletions make of either.
Those of every form of every name are kept as CRC-32 beside the name's rank, sorted, in one block of bytes that is mapped
as it lies: 15,000 names are read again in milliseconds. A CRC only proposes; `judge` compares the names themselves.
"""

import hashlib
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from assaymark.core.errors import Malformed
from assaymark.library.confusion import spelling

MOST = 1_000_000
"""Names of a list."""
DEEP_LENGTH = 7
"""Letters from which on two edits are asked about."""
DEEPEST = 16
"""And up to which: each letter more costs as many look-ups as there are."""
DEEP_RANK = 2_000
"""Rank up to which a name is kept with two deletions."""
_MAGIC = b"assaymark names 1 " + sys.byteorder.encode() + b"\n"
_BITS = 18
_BUCKETS = 1 << _BITS


class Index:
    """The names, most popular first, and the neighbourhoods. `digest` is of the names."""

    def __init__(self, block: bytes | memoryview) -> None:
        """Raises Malformed where the block is not one that `build` made here."""
        view = memoryview(block)
        start = len(_MAGIC)
        if bytes(view[:start]) != _MAGIC or len(view) < start + 88:
            raise Malformed("not an index of names that was made by this version")
        self.digest = bytes(view[start : start + 64]).decode("ascii", "replace")
        text, entries = (int.from_bytes(view[at : at + 8], sys.byteorder) for at in (start + 64, start + 72))
        at = start + 80 + -(start + 80) % 8
        starts_end = at + 4 * (_BUCKETS + 2)
        if len(view) != starts_end + 8 * entries + text:
            raise Malformed("an index of names that was cut short")
        self._starts = view[at:starts_end].cast("I")
        self._entries = view[starts_end : starts_end + 8 * entries].cast("Q")
        self.names: Sequence[str] = bytes(view[starts_end + 8 * entries :]).decode("ascii", "replace").split("\n")
        self.ranks = {name: rank for rank, name in enumerate(self.names)}

    def near(self, name: str) -> set[int]:
        """Ranks of the names that a normal one may be taken for, by any of its forms; may hold some that are not."""
        found: set[int] = set()
        starts, entries, shift = self._starts, self._entries, 32 - _BITS
        for key in _hashes(name):
            bucket = key >> shift
            for at in range(starts[bucket], starts[bucket + 1]):
                entry = entries[at]
                if entry >> 32 == key:
                    found.add(entry & 0xFFFFFFFF)
        return found

    @cached_property
    def parts(self) -> Mapping[str, int]:
        """How many names have a part (between separators)."""
        return Counter(part for name in self.names for part in set(name.split("-")))

    @cached_property
    def families(self) -> Mapping[str, int]:
        """How many names begin with the same parts, by those parts: what has many is a family with one owner, or a plug."""
        return Counter(name.rpartition("-")[0] for name in self.names if "-" in name)


def _hashes(name: str, *, deep: bool = True) -> set[int]:
    """CRC-32 of a normal name's skeleton, of its core with one deletion, and without separators with one or two."""
    crc = zlib.crc32
    squashed, core = spelling.squash(name), spelling.core(name)
    found = {crc(spelling.skeleton(squashed).encode())}
    for form, deeper in ((squashed, deep), (core, False)) if core != squashed else ((squashed, deep),):
        data = form.encode("ascii", "replace")
        size = len(data)
        found.add(crc(data))
        shorter = [data[:i] + data[i + 1 :] for i in range(size)]
        found.update(map(crc, shorter))
        if deeper and DEEP_LENGTH <= size <= DEEPEST:
            found.update([crc(one[:j] + one[j + 1 :]) for i, one in enumerate(shorter) for j in range(i, size - 1)])
    return found


def build(names: Iterable[str]) -> bytes:
    """The block for a list of names in order of rank; repeated ones count once. Raises Malformed for more than MOST."""
    known: dict[str, None] = {}
    for name in names:
        normal = spelling.normal(name)
        if normal.isascii() and 0 < len(normal) <= spelling.LONGEST:
            known.setdefault(normal)
        if len(known) > MOST:
            raise Malformed(f"more than {MOST:,} names")
    entries = array("Q", sorted({key for rank, name in enumerate(known) for key in _keys(name, rank)}))
    starts = array("I", [0]) * (_BUCKETS + 2)
    for entry in entries:
        starts[(entry >> 64 - _BITS) + 1] += 1
    for bucket in range(_BUCKETS):
        starts[bucket + 1] += starts[bucket]
    text = "\n".join(known).encode("ascii")
    head = _MAGIC + hashlib.sha256(text).hexdigest().encode()
    head += len(text).to_bytes(8, sys.byteorder) + len(entries).to_bytes(8, sys.byteorder)
    head += bytes(-len(head) % 8)
    return head + starts.tobytes() + entries.tobytes() + text


def _keys(name: str, rank: int) -> Iterator[int]:
    for key in _hashes(name, deep=rank < DEEP_RANK):
        yield key << 32 | rank
