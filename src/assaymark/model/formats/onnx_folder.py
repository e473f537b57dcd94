"""ONNX models beside the files that hold their tensors (external data): what is there, what is missing, what is more.

A data file has raw values and nothing else, as far as a tensor of some model describes them.
"""

import posixpath
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.budget import Budget, Spool
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item, Skipped, Tree, Values
from assaymark.model.formats.onnx import OnnxTensor, parse
from assaymark.model.weights.starts import starts

_TENSORS = 1 << 18
"""Of external data, in one folder."""
_PADDING = 1 << 16
"""Bytes between tensors: writers align them to the pages of the system, 64 kB at most."""


@dataclass(frozen=True, slots=True)
class OnnxMissing:
    """A file of external data that is not among what was looked at."""

    location: str
    """As the model writes it, 300 characters at most."""
    tensor: str
    """The first that needs it."""
    tensors: int


@dataclass
class _Use:
    """What the models of a folder have in one data file."""

    models: list[str] = field(default_factory=list)
    places: list[tuple[int, int, str]] = field(default_factory=list)
    """(offset, length, tensor); a length of -1 reaches to the end."""


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """What each model needs that is not there; then each data file that is, once for all models that share it."""
    uses: dict[str, _Use] = defaultdict(_Use)
    left = _TENSORS
    for path, facts in tree.files.items():
        if "onnx" not in facts.formats:
            continue
        missing: dict[str, OnnxMissing] = {}
        for tensor, name in _external(tree, path):
            left -= 1
            place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if place in tree.files and left > 0:
                use = uses[place]
                use.models[-1:] = [path] if use.models[-1:] == [path] else [*use.models[-1:], path]
                use.places.append((*_extent(tensor), tensor.name))
            elif place not in tree.files and not _leaves(name):
                known = missing.get(name)
                count = known.tensors + 1 if known else 1
                missing[name] = OnnxMissing(name[:300], known.tensor if known else tensor.name, count)
        yield from ((path, gap) for gap in missing.values())
    for place, use in uses.items():
        yield from _data(tree, place, use)
    if left <= 0:
        yield next(iter(uses)), Skipped("external data", f"more than {_TENSORS:,} tensors lie in files of their own")


def _external(tree: Tree, path: str) -> Iterator[tuple[OnnxTensor, str]]:
    """Each tensor that names a file, and every name that it has."""
    try:
        with tree.open(path) as blob:
            for item in parse(blob, Context(Budget(monotonic=time.monotonic, spool=_no_spool), path)):
                if isinstance(item, OnnxTensor):
                    yield from ((item, value) for key, value in item.external if key == "location")
    except AssayError:
        return  # the look at the file itself has said so


def _extent(tensor: OnnxTensor) -> tuple[int, int]:
    numbers = {
        key: int(value) for key, value in tensor.external if value.isascii() and value.isdigit() and len(value) < 20
    }
    return numbers.get("offset", 0), numbers.get("length", -1)


def _leaves(name: str) -> bool:
    """What the look at the model itself speaks of."""
    path = name.replace("\\", "/")
    return not name or path.startswith("/") or ".." in path.split("/") or ":" in path.split("/", 1)[0]


def _data(tree: Tree, place: str, use: _Use) -> Iterator[tuple[str, Item]]:
    """One data file: what its tensors begin with, and whether they account for all of it."""
    size = tree.files[place].size
    extents = sorted((offset, size - offset if length < 0 else length, name) for offset, length, name in use.places)
    try:
        with tree.open(place) as blob:
            inside = [one for one in extents if one[0] >= 0 and one[0] + one[1] <= size]
            yield from ((place, item) for item in starts(blob, inside))
    except AssayError:
        return
    at, beyond = 0, 0
    for offset, length, _ in extents:
        beyond += max(0, offset - at - _PADDING)
        at = max(at, offset + length)
    beyond += max(0, size - at - _PADDING)
    if beyond:
        yield (
            place,
            Skipped(place.rpartition("/")[2], f"{beyond:,} bytes of it belong to no tensor of {use.models[-1]}"),
        )
    else:
        yield use.models[-1], Values(place)


def _no_spool() -> Spool:
    raise RuntimeError("a graph is not decompressed")
