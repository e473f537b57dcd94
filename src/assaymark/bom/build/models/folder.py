"""Digests of folders and files of the tree, from the hashes that were taken already."""

from bisect import bisect_left
from typing import Any
from weakref import WeakKeyDictionary

from assaymark.bom.build.draft import Sight, Sketch
from assaymark.bom.document import Place, Status
from assaymark.core.errors import Malformed
from assaymark.core.format import Tree
from assaymark.core.manifest import Manifest, ManifestFile


def value(sketch: Sketch, name: str) -> Any:
    """What was said so far; None where nothing was, or that it is unknown."""
    fact = sketch.facts.get(name)
    return None if fact is None or fact.status is Status.UNKNOWN else fact.value


class Paths:
    """The paths of a tree, sorted, so that what is below a folder is found without asking all of them."""

    def __init__(self, tree: Tree) -> None:
        self._sorted = sorted(tree.files)
        self.folded = {path.lower(): path for path in reversed(self._sorted)}
        """By path in lower case; of two that differ only by case the first."""

    def below(self, folder: str) -> list[str]:
        """Paths that begin so."""
        start = stop = bisect_left(self._sorted, folder)
        while stop < len(self._sorted) and self._sorted[stop].startswith(folder):
            stop += 1
        return self._sorted[start:stop]

    def has_folder(self, path: str) -> bool:
        """Whether anything lies below `path`/."""
        start = bisect_left(self._sorted, f"{path}/")
        return start < len(self._sorted) and self._sorted[start].startswith(f"{path}/")


_known: "WeakKeyDictionary[Tree, Paths]" = WeakKeyDictionary()


def paths(tree: Tree) -> Paths:
    """Made once for each tree."""
    found = _known.get(tree)
    if found is None:
        found = _known[tree] = Paths(tree)
    return found


def below(sight: Sight, folder: str) -> list[str]:
    """Paths below a folder ("" or ending in a slash), sorted."""
    return paths(sight.tree).below(folder)


def manifest_of(sight: Sight, folder: str) -> tuple[str, int, int]:
    """Digest, number of files and bytes of a folder; "" for the digest where a name or a file cannot be bound."""
    inside = below(sight, folder)
    size = sum(sight.tree.files[path].size for path in inside)
    if not folder:
        return sight.manifest if sight.manifest.startswith("assaymark-manifest") else "", len(inside), size
    if not inside or any(path not in sight.sha256 for path in inside):
        return "", len(inside), size
    try:
        files = (ManifestFile(path[len(folder) :], sight.tree.files[path].size, sight.sha256[path]) for path in inside)
        return str(Manifest.of(files).digest), len(inside), size
    except Malformed:
        return "", len(inside), size


def fill(sight: Sight, sketch: Sketch, path: str) -> None:
    """Path, digest and size of a file or folder of the tree."""
    place = Place(path or ".")
    sketch.say("path", path or ".", Status.OBSERVED, place)
    if path in sight.tree.files:
        sketch.say("sha256", sight.sha256.get(path), Status.OBSERVED, place)
        sketch.say("size", sight.tree.files[path].size, Status.OBSERVED, place)
        return
    digest, count, size = manifest_of(sight, f"{path}/" if path else "")
    sketch.say("manifest", digest, Status.OBSERVED, place)
    sketch.say("files", count, Status.OBSERVED, place)
    sketch.say("size", size, Status.OBSERVED, place)
