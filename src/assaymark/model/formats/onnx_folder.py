"""ONNX models beside the files that hold their tensors (external data): those are raw values, and nothing else."""

import posixpath
import time
from collections.abc import Iterator

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget, Spool
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item, Tree, Values
from assaymark.model.formats.onnx import OnnxTensor, parse

_LIMIT = 256 << 20
"""Bytes of a graph whose tensors lie elsewhere."""


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """The external files of each model, as far as they are in the folder; what is wrong with a path is said by its model."""
    for path, facts in tree.files.items():
        if "onnx" in facts.formats:
            for place in _places(tree, path):
                if place in tree.files:
                    yield path, Values(place)


def _places(tree: Tree, path: str) -> set[str]:
    places: set[str] = set()
    try:
        content = Bytes(tree.read(path, _LIMIT))
        for item in parse(content, Context(Budget(monotonic=time.monotonic, spool=_no_spool), path)):
            if isinstance(item, OnnxTensor):
                named = (value for key, value in item.external if key == "location")
                places.update(posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in named)
    except AssayError:
        return set()  # the look at the file itself has said so
    return places


def _no_spool() -> Spool:
    raise RuntimeError("a graph is not decompressed")
