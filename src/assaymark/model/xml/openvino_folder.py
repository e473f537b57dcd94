"""OpenVINO models beside their weights: does the `.bin` hold what the `.xml` takes from it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget, Spool
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item, Tree, Values
from assaymark.model.xml.openvino import OpenvinoView, parse

_LIMIT = 100 << 20


@dataclass(frozen=True, slots=True)
class OpenvinoWeights:
    """The weights file of a model: it has `size` bytes, constants reach to byte `reach`."""

    name: str
    size: int
    reach: int


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """One view for each model that has a `.bin` of its name."""
    for path, facts in tree.files.items():
        if "openvino" not in facts.formats or not path.lower().endswith(".xml"):
            continue
        weights = tree.files.get(f"{path[:-4]}.bin")
        if weights is None:
            continue
        reach = _reach(tree, path)
        if reach is not None:
            yield path, OpenvinoWeights(weights.name.rsplit("/", 1)[-1], weights.size, reach)
            yield path, Values(weights.name)


def _reach(tree: Tree, path: str) -> int | None:
    """How far the constants reach; None where the look at the file itself says what is wrong."""
    try:
        data = tree.read(path, _LIMIT)
        budget = Budget(monotonic=time.monotonic, spool=_no_spool)
        for view in parse(Bytes(data), Context(budget, path)):
            if isinstance(view, OpenvinoView):
                return view.reach
    except AssayError:
        return None
    return None


def _no_spool() -> Spool:
    raise RuntimeError("XML is not decompressed")
