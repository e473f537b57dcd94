"""Tiles and entry bundles of c2sp.org/tlog-tiles: how a log is laid out as static files, and proofs from them.

Pure. A tile holds up to 256 hashes of one level; one at level L spans trees of 256**L leaves each. `Frontier` grows a
tree and hands out its full tiles; `TileTree` makes roots and proofs from tiles, wherever they are kept.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from assaymark.core import merkle
from assaymark.core.errors import Malformed
from assaymark.core.merkle import HASH

WIDTH = 256
"""Hashes of a full tile, entries of a full bundle."""
MAX_ENTRY = (1 << 16) - 1
"""Bytes of the longest entry: its length is a uint16."""
MAX_BUNDLE = WIDTH * (MAX_ENTRY + 2)
_BITS = 8
_LEVELS = 8


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One static file: level (-1 for a bundle of entries), index in the level, hashes or entries in it."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Path below the log's prefix: `tile/0/x001/234`, `tile/entries/000.p/17`."""
        level = "entries" if self.level < 0 else str(self.level)
        suffix = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{_number(self.index)}{suffix}"

    @property
    def start(self) -> int:
        """Index of the first hash or entry in it."""
        return self.index * WIDTH

    @classmethod
    def read(cls, path: str) -> "Tile":
        """The tile that a path names, in its one spelling; raises Malformed."""
        head, *parts = path.split("/")
        if head != "tile" or not 2 <= len(parts) <= 12:
            raise Malformed(f"{path[:120]!r} names no tile")
        level = parts.pop(0)
        width = parts.pop() if len(parts) > 1 and parts[-2].endswith(".p") else str(WIDTH)
        digits = "".join(part.removeprefix("x") for part in parts).removesuffix(".p")
        numbers = (level, width, digits) if level != "entries" else (width, digits)
        if not all(text.isascii() and text.isdigit() and len(text) <= 24 for text in numbers):
            raise Malformed(f"{path[:120]!r} names no tile")
        tile = cls(-1 if level == "entries" else int(level), int(digits), int(width))
        if tile.path != path or not 0 < tile.width <= WIDTH or tile.level > 63:
            raise Malformed(f"{path[:120]!r} is not how a tile is named")
        return tile


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Tiles and bundles of a tree of `size` leaves, without those that a tree of `since` leaves has just so."""
    for level in range(-1, _LEVELS):
        shift = _BITS * max(level, 0)
        before, now = since >> shift, size >> shift
        if now == 0:
            return
        if now > before:
            for index in range(before // WIDTH, -(-now // WIDTH)):
                yield Tile(level, index, min(WIDTH, now - index * WIDTH))


def pack(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry after its length as a big-endian uint16."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack(data: bytes, width: int) -> list[bytes]:
    """Entries of a bundle of `width`; raises Malformed unless there are exactly so many."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise Malformed(f"entry {len(entries)} of the bundle is cut off", offset=at)
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) != width:
        raise Malformed(f"the bundle holds {len(entries)} entries and {len(data) - at} bytes more; {width} were due")
    return entries


def hashes_of(data: bytes, width: int) -> list[bytes]:
    """Hashes of a tile; raises Malformed unless there are exactly `width`."""
    if len(data) != width * HASH:
        raise Malformed(f"the tile has {len(data):,} bytes; {width} hashes are {width * HASH:,}")
    return [data[at : at + HASH] for at in range(0, len(data), HASH)]


class Frontier:
    """The right edge of a growing tree: what of each level's last tile is there."""

    def __init__(self, edges: Sequence[Sequence[bytes]] = ()) -> None:
        """`edges`: per level the hashes of its last, partial tile, as `edge_of` says for the tree's size."""
        self.edges = [list(edge) for edge in edges]
        self.size = 0
        self._compact = merkle.Compact()

    def copy(self) -> "Frontier":
        """One that grows by itself."""
        other = Frontier(self.edges)
        other.size = self.size
        other._compact = self._compact.copy()
        return other

    @classmethod
    def load(cls, size: int, nodes: Callable[[int, int, int], Sequence[bytes]]) -> "Frontier":
        """The edge of a tree of `size` leaves; `nodes(level, begin, end)` gives the hashes of a level."""
        spans = [edge_of(size, level) for level in range(_LEVELS)]
        self = cls([nodes(level, *span) if span[0] < span[1] else () for level, span in enumerate(spans)])
        for level in reversed(range(_LEVELS)):
            if len(self.edges[level]) != spans[level][1] - spans[level][0]:
                raise Malformed(f"hashes of level {level} are missing")
            for hash_ in self.edges[level]:
                self._compact.append(hash_, _BITS * level)
        self.size = size
        return self

    def append(self, hash_: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf's hash; gives (level, index, hash) of each node above tiles that became full."""
        self._compact.append(hash_)
        self.size += 1
        for level in range(_LEVELS):
            while len(self.edges) <= level:
                self.edges.append([])
            edge = self.edges[level]
            edge.append(hash_)
            if len(edge) < WIDTH:
                return
            hash_ = merkle.root(edge)
            edge.clear()
            yield level + 1, (self.size >> _BITS * (level + 1)) - 1, hash_

    def root(self) -> bytes:
        """Root of the tree."""
        return self._compact.root()


def edge_of(size: int, level: int) -> tuple[int, int]:
    """First and last (exclusive) node of a level's partial tile in a tree of `size` leaves."""
    end = size >> _BITS * level
    return end - end % WIDTH, end


class TileTree:
    """Roots and proofs of a tree of `size` leaves; `tile` gives the hashes of a tile, and is asked once for each."""

    def __init__(self, size: int, tile: Callable[[Tile], Sequence[bytes]]) -> None:
        self.size = size
        self._tile = tile
        self._kept: dict[tuple[int, int], Sequence[bytes]] = {}

    def node(self, height: int, index: int) -> bytes:
        """core.merkle.Nodes."""
        level, rest = divmod(height, _BITS)
        begin = index << rest
        hashes = self._hashes(level, begin // WIDTH)[begin % WIDTH : begin % WIDTH + (1 << rest)]
        return merkle.root(hashes)

    def root(self, size: int | None = None) -> bytes:
        """Root of the tree, or of the smaller one that it grew from."""
        return merkle.range_root(0, self.size if size is None else size, self.node)

    def inclusion(self, index: int) -> list[bytes]:
        """See core.merkle.inclusion."""
        return merkle.inclusion(index, self.size, self.node)

    def consistency(self, old: int) -> list[bytes]:
        """See core.merkle.consistency."""
        return merkle.consistency(old, self.size, self.node)

    def _hashes(self, level: int, index: int) -> Sequence[bytes]:
        if (level, index) not in self._kept:
            width = min(WIDTH, (self.size >> _BITS * level) - index * WIDTH)
            self._kept[level, index] = self._tile(Tile(level, index, width))
        return self._kept[level, index]


def _number(index: int) -> str:
    """Zero-padded elements of three digits, all but the last with an `x`: `x001/x234/067`."""
    text = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        text = f"x{index % 1000:03}/{text}"
    return text
