"""The auditor: holds every static file of a log against its signed checkpoint, with nothing else at hand.

Every entry is hashed again; the tree that follows from the entries must be the one that was signed, and each tile a part of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from assaymark.core.errors import AssayError, Malformed, Untrusted
from assaymark.core.merkle import HASH, leaf_hash
from assaymark.core.note import Note, NoteKey
from assaymark.core.tiles import MAX_BUNDLE, WIDTH, Frontier, Tile, hashes_of, pack, tiles_of, unpack
from assaymark.core.tlog import Checkpoint, Head, verify_checkpoint
from assaymark.storage.ledger_files import CHECKPOINT, StaticFiles

_SHOWN = 100
_ENOUGH = 10_000
_MAX_FILES = 10_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and in which file."""

    path: str
    what: str


@dataclass(slots=True)
class Audit:
    """What an auditor saw. `head` is None where the checkpoint itself does not verify."""

    head: Head | None = None
    problems: list[Problem] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    """Files that the checkpoint says nothing of."""
    files: int = 0
    more: int = 0
    """Problems beyond the first hundred."""

    def add(self, path: str, what: str) -> None:
        """Note a problem."""
        if len(self.problems) < _SHOWN:
            self.problems.append(Problem(path, what))
        else:
            self.more += 1


class Auditor:
    """One audit of one folder."""

    def __init__(self, files: StaticFiles, log: NoteKey, witnesses: Iterable[NoteKey] = (), quorum: int = 0) -> None:
        self._files = files
        self._log = log
        self._witnesses = tuple(witnesses)
        self._quorum = quorum
        self._partial: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._result = Audit()
        self._wrong: list[tuple[str, str, str]] = []

    def run(self, since: bytes | None = None) -> Audit:
        """Look at everything; `since` is an older checkpoint (a note) that this log must have grown from."""
        result = self._result
        # 1. The checkpoint is the log's, and enough witnesses saw it.
        try:
            note = Note.read(self._read(CHECKPOINT))
            result.head = verify_checkpoint(note, self._log, self._witnesses, self._quorum)
        except AssayError as error:
            result.add(CHECKPOINT, error.message)
            return result
        tree = result.head.checkpoint
        # 2. So is the older one.
        before = self._older(since, tree)
        # 3. Files are those of a tree of this size.
        self._list(tree.size)
        # 4. Entries, hashed again, are in their tiles; tiles above them hold the hashes of those below.
        frontier = self._entries(tree.size, before)
        # 5. The root that follows is the one that was signed.
        same = frontier is not None and frontier.root() == tree.root
        self._blame(same=same)
        if not same and not result.problems:
            result.add("tile/entries", f"the {tree.size:,} entries are not those that were signed: another root")
        return result

    def _older(self, since: bytes | None, tree: Checkpoint) -> Checkpoint | None:
        if since is None:
            return None
        try:
            before = verify_checkpoint(Note.read(since), self._log).checkpoint
            if before.size > tree.size:
                raise Untrusted(f"the log had {before.size:,} leaves and now has {tree.size:,}: it was rolled back")
        except AssayError as error:
            self._result.add("--since", error.message)
            return None
        return before

    def _list(self, size: int) -> None:
        """Which older partial tiles are there, and what does not belong."""
        for number, path in enumerate(self._files.paths()):
            if number >= _MAX_FILES:
                raise Malformed(f"more than {_MAX_FILES:,} files in the folder of a log")
            try:
                tile = Tile.read(path)
            except Malformed:
                if path != CHECKPOINT:
                    self._result.unexplained.append(path)
                continue
            if tile.start + tile.width > size >> 8 * max(tile.level, 0):
                self._result.unexplained.append(path)
            elif tile.width < WIDTH:
                self._partial[tile.level, tile.index].append(tile.width)

    def _entries(self, size: int, before: Checkpoint | None) -> Frontier | None:
        """Step 4; the right edge of the tree that the entries make, None where they cannot be read."""
        frontier = Frontier()
        above: dict[int, list[bytes]] = defaultdict(list)
        complete = True
        for tile in (tile for tile in tiles_of(size) if tile.level < 0):
            if self._result.more > _ENOUGH:  # of a log that claims to be endless
                return None
            entries = self._bundle(tile)
            hashes = [leaf_hash(entry) for entry in entries]
            complete = complete and len(hashes) == tile.width
            self._tile(Tile(0, tile.index, tile.width), hashes, tile)
            for hash_ in hashes if complete else ():
                if before and frontier.size == before.size:
                    self._since(before, frontier)
                for level, _, node in frontier.append(hash_):
                    above[level].append(node)
        if not complete:
            return None
        if before and frontier.size == before.size:
            self._since(before, frontier)
        for tile in (tile for tile in tiles_of(size) if tile.level > 0):
            expected = above[tile.level][tile.start : tile.start + tile.width]
            self._tile(tile, expected, Tile(tile.level - 1, tile.start))
        return frontier

    def _bundle(self, tile: Tile) -> list[bytes]:
        """The entries of a bundle; older partial ones must begin like it."""
        try:
            entries = unpack(self._data(tile), tile.width)
        except AssayError as error:
            self._result.add(tile.path, error.message)
            return []
        for width in self._partial[-1, tile.index]:
            if width < tile.width:
                self._compare(Tile(-1, tile.index, width), pack(entries[:width]), tile)
        return entries

    def _tile(self, tile: Tile, expected: Sequence[bytes], below: Tile) -> None:
        """A tile, and older partial ones of it, hold these hashes."""
        try:
            found = hashes_of(self._data(tile), tile.width)
        except AssayError as error:
            self._result.add(tile.path, error.message)
            return
        for place, (have, due) in enumerate(zip(found, expected, strict=False)):
            if have != due:
                noun = "entry" if tile.level == 0 else "tile"
                self._wrong.append((tile.path, below.path, f"{noun} {tile.start + place}"))
        for width in self._partial[tile.level, tile.index]:
            if width < tile.width and len(expected) >= width:
                self._compare(Tile(tile.level, tile.index, width), b"".join(expected[:width]), below)

    def _compare(self, tile: Tile, expected: bytes, source: Tile) -> None:
        try:
            data = self._read(tile.path)
        except AssayError as error:
            self._result.add(tile.path, error.message)
            return
        if data != expected:
            self._result.add(tile.path, f"is not how {source.path} begins")

    def _blame(self, *, same: bool) -> None:
        """Where a tile and what it is over differ: what follows from the entries is right exactly when its root was signed."""
        for tile, source, what in self._wrong:
            if same:
                self._result.add(tile, f"the hash of {what} is not that of the signed tree")
            else:
                self._result.add(source, f"{what} does not have the hash that {tile} holds for it")

    def _since(self, before: Checkpoint, frontier: Frontier) -> None:
        if frontier.root() != before.root:
            self._result.add(
                "--since", f"the first {before.size:,} entries are not those that were signed then: a fork or a rewrite"
            )

    def _data(self, tile: Tile) -> bytes:
        """A tile's file, or the beginning of the full one, where partial ones may be gone."""
        data = self._files.read(tile.path)
        if data is None and tile.width < WIDTH:
            data = self._files.read(Tile(tile.level, tile.index).path)
            if data is not None:
                data = data[: tile.width * HASH] if tile.level >= 0 else pack(unpack(data, WIDTH)[: tile.width])
        if data is None:
            raise Malformed("is missing")
        self._result.files += 1
        return data

    def _read(self, path: str) -> bytes:
        data = self._files.read(path)
        if data is None:
            raise Malformed("is missing")
        if len(data) > MAX_BUNDLE:
            raise Malformed("is longer than any file of a log")
        self._result.files += 1
        return data
