"""XGBoost's legacy binary layout (`binf`; written until 3.0): headers, every tree and its indices, what follows.

Structures: src/learner.cc, src/gbm/gbtree_model.h and include/xgboost/tree_model.h of XGBoost 1.x and 2.x. Sizes are
bytes, integers little-endian.
"""

import struct
from array import array
from collections.abc import Iterator

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Skipped
from assaymark.model.boosters.trees import walk
from assaymark.model.boosters.views import BoosterView, Findings

_LEARNER, _MODEL, _TREE, _NODE, _STAT = 136, 160, 148, 20, 16
_TREES = 1_000_000


class _Reader:
    def __init__(self, blob: Blob, at: int) -> None:
        self.blob = blob
        self.at = at

    def take(self, length: int, what: str) -> bytes:
        data = exact(self.blob, self.at, length, what)
        self.at += length
        return data

    def integers(self, what: str, layout: str, length: int) -> tuple[int, ...]:
        """The first integers of a structure of `length` bytes."""
        return struct.unpack_from(layout, self.take(length, what))

    def text(self, what: str, limit: int) -> str:
        (length,) = self.integers(f"the length of {what}", "<Q", 8)
        if length > limit:
            raise Malformed(f"{what} declares {length:,} bytes", offset=self.at - 8)
        return self.take(length, what).decode("utf-8", "replace")


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The view of the model, then whatever stands behind it."""
    reader = _Reader(blob, 4 if blob.read(0, 4) == b"binf" else 0)
    _, features, _, extra, metrics = reader.integers("the learner header", "<IIiii", _LEARNER)
    objective = reader.text("the objective's name", 256)
    booster = reader.text("the booster's name", 256)
    if booster not in {"gbtree", "dart"}:
        yield Skipped(
            f"booster {booster[:40]}", "its weights are numbers that are not looked at", holds=booster != "gblinear"
        )
        return
    found = Findings()
    fault: Malformed | OverBudget | None = None
    count = 0
    try:
        count = _trees(reader, context, features, found)
        _rest(reader, booster, count, extra=bool(extra), metrics=bool(metrics), objective=objective)
    except (Malformed, OverBudget) as error:
        fault = error
    yield BoosterView("XGBoost", objective[:80], count, tuple(found.listed), found.more)
    if fault is not None:
        raise fault
    rest = blob.size - reader.at
    if rest and not blob.read(reader.at, 4).startswith(b"CONF"):  # a training state stands behind the model
        yield Member(f"bytes after the model, at {reader.at}", Slice(blob, reader.at, rest))


def _trees(reader: _Reader, context: Context, features: int, found: Findings) -> int:
    start = reader.at
    (count,) = reader.integers("the booster header", "<i", _MODEL)
    if not 0 <= count <= min(_TREES, reader.blob.size // _TREE):
        found.add("the booster header", f"declares {count:,} trees, there is room for {reader.blob.size // _TREE:,}")
        raise Malformed(f"the booster header declares {count:,} trees", offset=start)
    for index in range(count):
        context.budget.tick()
        _tree(reader, f"tree {index}", features, found)
    reader.take(4 * count, "the groups of the trees")
    return count


def _tree(reader: _Reader, where: str, features: int, found: Findings) -> None:
    start = reader.at
    _, nodes = reader.integers(f"the header of {where}", "<ii", _TREE)
    room = (reader.blob.size - reader.at) // (_NODE + _STAT)
    if not 0 < nodes <= room:
        found.add(where, f"declares {nodes:,} nodes, there is room for {room:,}")
        raise Malformed(f"{where} declares {nodes:,} nodes", offset=start)
    words = array("i", reader.take(nodes * _NODE, f"the nodes of {where}"))
    reader.take(nodes * _STAT, f"the statistics of {where}")
    left, right = words[1::5], words[2::5]
    splits = array("i", [word & 0x7FFFFFFF for word in words[3::5]])
    walk(left, right, splits, where, features or None, found)


def _rest(reader: _Reader, booster: str, trees: int, *, extra: bool, metrics: bool, objective: str) -> None:
    """Weights of dropped trees, attributes, what some objectives keep, metrics."""
    if booster == "dart" and trees:
        (count,) = reader.integers("the number of tree weights", "<Q", 8)
        reader.take(4 * count, "the tree weights")
    if extra:
        (count,) = reader.integers("the number of attributes", "<Q", 8)
        if count > reader.blob.size // 16:
            raise Malformed(f"declares {count:,} attributes", offset=reader.at - 8)
        for _ in range(count):
            reader.text("an attribute's name", 1 << 20)
            reader.text("an attribute", 64 << 20)
    if objective == "count:poisson" and not metrics and reader.at < reader.blob.size:  # before 1.0 it stood here
        reader.text("the parameter of the objective", 1 << 16)
    if metrics:
        (count,) = reader.integers("the number of metrics", "<Q", 8)
        if count > reader.blob.size // 8:
            raise Malformed(f"declares {count:,} metrics", offset=reader.at - 8)
        for _ in range(count):
            reader.text("a metric's name", 1 << 16)
