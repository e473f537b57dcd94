"""Where blobs lie: in a folder that was scanned, or in a tar. Each is read for what it says of its blobs."""

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping

from assaymark.core.blob import Blob, chunks
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.format import Head, Item, Skipped, Tree
from assaymark.model.formats import magic
from assaymark.model.oci.image import Layout

_HASHED = 64 << 20
"""Bytes of a blob in a folder that are read to compare its digest: a folder gives files only whole."""
_LAST = chr(0x10FFFF)
"""Sorts behind whatever follows a folder's slash."""
_RECOGNISERS = {
    "gguf": magic.starts(b"GGUF", b"FUGG"),
    "tar": magic.is_tar,
    "compressed": magic.is_compressed,
    "safetensors": magic.is_safetensors,
    "zip": magic.is_zip,
    "native": magic.is_native,
    "pickle": magic.is_pickle,
}


class ArchiveStore:
    """The members of a tar."""

    def __init__(self, members: list[tuple[str, Blob]], budget: Budget) -> None:
        self._blobs: Mapping[str, Blob] = {name.removeprefix("./"): blob for name, blob in members}
        self._budget = budget
        self.paths = self._blobs.keys()

    def size(self, path: str) -> int:
        """See Store."""
        return self._blobs[path].size

    def read(self, path: str, limit: int) -> bytes:
        """See Store."""
        blob = self._blobs[path]
        if blob.size > limit:
            raise OverBudget(f"{blob.size:,} bytes long, more than the {limit:,} that are looked at")
        return blob.read(0, blob.size)

    def digest(self, path: str, algorithm: str) -> str | None:
        """See Store."""
        state = hashlib.new(algorithm)
        for piece in chunks(self._blobs[path]):
            self._budget.tick()
            state.update(piece)
        return state.hexdigest()

    def formats(self, path: str) -> tuple[str, ...]:
        """See Store."""
        head = Head(self._blobs[path], path)
        return tuple(name for name, recognise in _RECOGNISERS.items() if recognise(head))


class FolderStore:
    """A folder of the scanned tree."""

    def __init__(self, tree: Tree, root: str, paths: list[str]) -> None:
        """`paths` are all of the tree, sorted."""
        self._tree = tree
        self._root = root
        first, last = bisect_left(paths, root), bisect_left(paths, root + _LAST) if root else len(paths)
        self.paths = {path.removeprefix(root) for path in paths[first:last]}

    def size(self, path: str) -> int:
        """See Store."""
        return self._tree.files[self._root + path].size

    def read(self, path: str, limit: int) -> bytes:
        """See Store."""
        return self._tree.read(self._root + path, limit)

    def digest(self, path: str, algorithm: str) -> str | None:
        """See Store."""
        if self.size(path) > _HASHED:
            return None
        return hashlib.new(algorithm, self.read(path, _HASHED)).hexdigest()

    def formats(self, path: str) -> tuple[str, ...]:
        """See Store."""
        return self._tree.files[self._root + path].formats


def archive_views(members: list[tuple[str, Blob]], links: Collection[str], budget: Budget) -> Iterator[Item]:
    """What an image in a tar says of its blobs."""
    store = ArchiveStore(members, budget)
    for _, view in Layout(store, {name.removeprefix("./") for name in links}).views():
        yield view


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """The same for every layout in a scanned folder, with the path of the document that says it."""
    roots = _roots(tree.files)
    paths = sorted(tree.files) if roots else []
    for root in roots:
        store = FolderStore(tree, root, paths)
        try:
            for path, view in Layout(store, ()).views():
                yield root + path, view
        except AssayError as error:
            home = next(iter(sorted(store.paths)))
            yield root + home, Skipped("image layout", error.message)


def _roots(paths: Collection[str]) -> list[str]:
    """Folders (with their slash) that have blobs of images, or an index of them."""
    roots = set()
    for path in paths:
        for mark in ("blobs/sha256/", "blobs/sha256-", "blobs/sha512/"):
            before, found, name = path.rpartition(mark)
            if found and "/" not in name and (not before or before.endswith("/")):
                roots.add(before)
        folder, _, base = path.rpartition("/")
        if base == "oci-layout":
            roots.add(f"{folder}/" if folder else "")
    return sorted(roots)
