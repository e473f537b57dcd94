"""CatBoost's binary model: `CBM1`, the length of the core, the core as a flatbuffer, then the model's parts.

Schema: catboost/libs/model/flatbuffers/model.fbs. What is looked at are the trees: how they divide the splits and
leaves among them, and that each split is one that a feature has. Parts (statistics of categories, text dictionaries)
are data of formats of their own; only their names and extent are read.
"""

from collections.abc import Iterator

from assaymark.core.blob import Blob, Slice, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Member, Region, Skipped
from assaymark.model.boosters.views import BoosterView, Findings
from assaymark.model.flatbuffer import Buffer, Table

_VERSION = "FlabuffersModel_v1"
_DEEPEST = 16
"""Levels of a symmetric tree, as CatBoost has it."""
# Fields of TModelTrees.
_DIMENSION, _SPLITS, _SIZES, _STARTS, _FLOATS, _ONE_HOTS, _CTRS, _LEAVES, _STEPS, _LEAF_IDS = (
    0,
    1,
    2,
    3,
    5,
    6,
    7,
    8,
    10,
    11,
)
_ESTIMATED = (12, 13)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The view of the trees, then what stands behind the core."""
    size = int.from_bytes(exact(blob, 4, 4, "the length of the core"), "little")
    if size > blob.size - 8:
        raise Malformed(f"the core declares {size:,} bytes, {blob.size - 8:,} are left", offset=4)
    core = Buffer(Slice(blob, 8, size), context.budget, "the CatBoost core").root()
    version = core.string(0) or ""
    if version != _VERSION:
        raise Malformed(f"the core has the format {version[:40]!r}, CatBoost reads {_VERSION!r}", offset=8)
    found, trees = Findings(), 0
    table = core.table(1)
    fault: Malformed | OverBudget | None = None
    try:
        trees = _trees(table, found) if table is not None else 0
        parts = [part[:80] for _, part in zip(range(64), core.strings(3), strict=False)]
    except (Malformed, OverBudget) as error:
        fault = error
    yield BoosterView("CatBoost", "", trees, tuple(found.listed), found.more)
    if fault is not None:
        raise fault
    rest = blob.size - 8 - size
    if rest and parts:
        yield Region(8 + size, rest)
        yield Skipped(
            f"parts {', '.join(parts)}"[:200],
            f"{rest:,} bytes of data of which only the extent is checked",
            holds=False,
        )
    elif rest:
        yield Member(f"bytes after the core, at {8 + size}", Slice(blob, 8 + size, rest))


def _integers(table: Table, field: int) -> tuple[int, ...]:
    return tuple(int(value) for value in table.scalars(field, "i"))


def _trees(table: Table, found: Findings) -> int:
    splits, sizes, starts = (_integers(table, field) for field in (_SPLITS, _SIZES, _STARTS))
    dimension = table.integer(_DIMENSION, "i")
    leaves = table.span(_LEAVES, 8)[1]
    if dimension < 1:
        found.add("ApproxDimension", f"is {dimension}")
    if starts and len(starts) != len(sizes):
        found.add("TreeStartOffsets", f"has {len(starts):,} entries for {len(sizes):,} trees")
        return len(sizes)
    at = 0
    for index, size in enumerate(sizes):
        start = starts[index] if starts else at
        if size < 0 or start < 0 or start + size > len(splits):
            found.add(f"tree {index}", f"takes the splits {start:,} to {start + size:,} of {len(splits):,}")
            return len(sizes)
        at = start + size
    _split_range(table, splits, found)
    if table.span(_STEPS, 4)[1]:
        _steps(table, len(splits), leaves, found)
    elif any(size > _DEEPEST for size in sizes):
        found.add("TreeSizes", f"has a symmetric tree of {max(sizes):,} levels")
    elif dimension >= 1 and leaves != dimension * sum(1 << size for size in sizes):
        due = dimension * sum(1 << size for size in sizes)
        found.add("LeafValues", f"has {leaves:,} entries, the trees need {due:,}")
    return len(sizes)


def _split_range(table: Table, splits: tuple[int, ...], found: Findings) -> None:
    """A split is the number of a border or value, counted over all features; text features add unknown ones."""
    if any(table.span(field, 4)[1] for field in _ESTIMATED):
        return
    known = sum(feature.span(3, 4)[1] for feature in table.tables(_FLOATS))
    known += sum(feature.span(1, 4)[1] or feature.span(2, 4)[1] for feature in table.tables(_ONE_HOTS))
    known += sum(feature.span(1, 4)[1] for feature in table.tables(_CTRS))
    wrong = next((split for split in splits if not 0 <= split < known), None)
    if wrong is not None:
        found.add("TreeSplits", f"names the split {wrong:,} of {known:,}")


def _steps(table: Table, splits: int, leaves: int, found: Findings) -> None:
    """Trees that are not symmetric: each node says how far on its children stand, or which leaf it is."""
    at, count = table.span(_STEPS, 4)
    leaf_ids = table.scalars(_LEAF_IDS, "I", 5_000_000)
    if count != splits or len(leaf_ids) != count:
        found.add("NonSymmetricStepNodes", f"has {count:,} nodes and {len(leaf_ids):,} leaf ids for {splits:,} splits")
        return
    words = memoryview(table.buffer.bytes(at, count * 4, "the nodes")).cast("H")
    for index in range(count):
        left, right = words[2 * index], words[2 * index + 1]
        if index + max(left, right) >= count:
            found.add("NonSymmetricStepNodes", f"node {index:,} steps to {index + max(left, right):,} of {count:,}")
            return
        if not (left and right) and leaf_ids[index] >= leaves:
            found.add("NonSymmetricNodeIdToLeafId", f"node {index:,} is leaf {leaf_ids[index]:,} of {leaves:,}")
            return
