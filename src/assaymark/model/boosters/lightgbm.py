"""LightGBM's model text (`GBDT::SaveModelToString`, `Tree::ToString`), read line by line in one pass.

LightGBM cuts the text by `tree_sizes`, parses as many numbers as `num_leaves` says, and walks children, features and
categories unchecked when it predicts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, chunks
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.boosters.views import BoosterView, Findings

_LINE = 64 << 20
_NUMBERS = 8 << 20
"""Bytes of one list of numbers; a tree has at most 131,072 leaves."""
_INNER = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_LEAVES = ("leaf_value",)
_WANTED = frozenset({
    "num_leaves", "num_cat", "cat_boundaries", "cat_threshold", "is_linear", "num_features", "leaf_features", "leaf_const",
    *_INNER, *_LEAVES,
})  # fmt: skip
_REACHES = frozenset({
    "machines", "machine_list_filename", "forcedsplits_filename", "forcedbins_filename", "parser_config_file",
    "initscore_filename", "valid_data_initscores",
})  # fmt: skip
"""Parameters that name hosts or files which training reads; paths of training data are left alone."""


@dataclass
class _State:
    found: Findings = field(default_factory=Findings)
    header: dict[str, str] = field(default_factory=dict)
    sizes: list[int] | None = None
    trees: int = 0
    start: int = -1
    tree: dict[str, bytes] | None = None
    ended: bool = False
    reaches: list[tuple[str, str]] = field(default_factory=list)

    @property
    def features(self) -> int | None:
        """Number of features, where the header says it."""
        last = self.header.get("max_feature_idx", "")
        return int(last) + 1 if last.isdecimal() and len(last) < 10 else None


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """One view of the model, also where the text breaks off."""
    state = _State()
    fault: Malformed | OverBudget | None = None
    try:
        for at, line in _lines(blob, context):
            _line(state, at, line)
    except (Malformed, OverBudget) as error:
        fault = error
    objective = state.header.get("objective", "")[:80]
    found = state.found
    yield BoosterView("LightGBM", objective, state.trees, tuple(found.listed), found.more, tuple(state.reaches[:20]))
    if fault is not None:
        raise fault
    if not state.ended:
        raise Malformed("the model ends without `end of trees`", offset=blob.size)


def _lines(blob: Blob, context: Context) -> Iterator[tuple[int, bytes]]:
    """Offset and content of each line, without its end."""
    at, kept = 0, b""
    for piece in chunks(blob):
        context.budget.tick()
        if b"\n" not in piece:
            kept += piece
            if len(kept) > _LINE:
                raise OverBudget(f"a line of the LightGBM model is longer than {_LINE >> 20} MiB")
            continue
        lines = (kept + piece).split(b"\n")
        kept = lines.pop()
        for line in lines:
            yield at, line
            at += len(line) + 1
    if kept:
        yield at, kept


def _line(state: _State, at: int, line: bytes) -> None:
    text = line.rstrip(b"\r")
    if not state.ended and (b"\r" in text or b"\0" in text):
        raise Malformed("a carriage return or NUL within a line, where LightGBM sees the line end", offset=at)
    if len(text) > _NUMBERS and (state.tree is not None or text.startswith(b"tree_sizes=")):
        raise OverBudget(f"a list of numbers of more than {_NUMBERS >> 20} MiB in the LightGBM model")
    if text.startswith(b"[") and state.ended:
        _parameter(state, text)
    elif text.startswith(b"Tree=") and not state.ended:
        _finish(state, at)
        state.tree, state.start = {}, at
    elif text == b"end of trees" and not state.ended:
        _finish(state, at)
        state.tree, state.ended = None, True
        declared = state.sizes
        if declared is not None and len(declared) != state.trees:
            state.found.add("tree_sizes", f"has {len(declared):,} entries for {state.trees:,} trees")
    elif b"=" in text and not state.ended:
        key, _, value = text.partition(b"=")
        _pair(state, key.decode("latin-1")[:80], value)


def _pair(state: _State, key: str, value: bytes) -> None:
    if state.tree is not None:
        if key in _WANTED:
            if key in state.tree:
                state.found.add(f"tree {state.trees}", f"has {key} twice")
            state.tree[key] = value
    elif key == "tree_sizes":
        state.sizes = _integers(value)
    elif len(state.header) < 100:
        state.header[key] = value[:200].decode("utf-8", "replace")


def _parameter(state: _State, text: bytes) -> None:
    name, _, value = text[1:2000].decode("utf-8", "replace").removesuffix("]").partition(": ")
    if name in _REACHES and value.strip():
        state.reaches.append((name, value.strip()[:100]))


def _finish(state: _State, at: int) -> None:
    """The tree that was read last, and whether it is as long as the header says."""
    if state.tree is None:
        return
    where = f"tree {state.trees}"
    if state.sizes is not None and state.trees < len(state.sizes) and state.sizes[state.trees] != at - state.start:
        declared, there = state.sizes[state.trees], at - state.start
        state.found.add(where, f"is {there:,} bytes long, tree_sizes says {declared:,}")
    _tree(state.tree, where, state.features, state.found)
    state.trees += 1


def _integers(value: bytes) -> list[int]:
    """Numbers up to the first word that is none."""
    numbers = []
    for word in value.split():
        if not word.lstrip(b"-").isdigit() or len(word) > 19:
            break
        numbers.append(int(word))
    return numbers


def _one(tree: Mapping[str, bytes], key: str) -> int | None:
    numbers = _integers(tree.get(key, b""))
    return numbers[0] if len(numbers) == 1 else None


def _tree(tree: Mapping[str, bytes], where: str, features: int | None, found: Findings) -> None:
    leaves = _one(tree, "num_leaves")
    if leaves is None or leaves < 1:
        found.add(where, f"declares {tree.get('num_leaves', b'no')[:20].decode('latin-1')} leaves")
        return
    for key in (*_INNER, *_LEAVES):
        due = leaves if key in _LEAVES else leaves - 1
        there = tree[key].count(b" ") + 1 if tree.get(key, b"").strip() else 0
        if there != due and len(tree.get(key, b"").split()) != due:
            found.add(f"{where} {key}", f"has {len(tree.get(key, b'').split()):,} entries for {leaves:,} leaves")
            return
    left, right, splits = (_integers(tree.get(key, b"")) for key in ("left_child", "right_child", "split_feature"))
    if not len(left) == len(right) == len(splits) == leaves - 1:
        found.add(where, "has children or features that are no integers")
        return
    _walk(left, right, leaves, where, found)
    wrong = next((s for s in splits if s < 0 or (features is not None and s >= features)), None)
    if wrong is not None:
        found.add(where, f"splits on feature {wrong:,} of {features}")
    _categories(tree, where, found)
    _linear(tree, leaves, where, features, found)


def _walk(left: list[int], right: list[int], leaves: int, where: str, found: Findings) -> None:
    """Follow the tree from its root: no child may lie outside, no node may come twice."""
    inner = leaves - 1
    seen = bytearray(inner)
    pending = [0] if inner else []
    while pending:
        node = pending.pop()
        if seen[node]:
            found.add(where, f"reaches node {node:,} twice: a walk through it may never end")
            return
        seen[node] = 1
        for child in (left[node], right[node]):
            if child >= inner or ~child >= leaves:
                found.add(where, f"node {node:,} has the child {child:,} of {inner:,} nodes and {leaves:,} leaves")
                return
            if child >= 0:
                pending.append(child)


def _categories(tree: Mapping[str, bytes], where: str, found: Findings) -> None:
    """Splits on categories index `cat_boundaries`, and these index `cat_threshold`."""
    count = _one(tree, "num_cat") or 0
    kinds = _integers(tree.get("decision_type", b""))
    thresholds = tree.get("threshold", b"").split()
    if count < 0:
        found.add(where, f"declares {count:,} categorical splits")
        return
    bounds, words = (_integers(tree.get(key, b"")) for key in ("cat_boundaries", "cat_threshold"))
    if count and (len(bounds) != count + 1 or bounds[0] != 0 or bounds != sorted(bounds) or bounds[-1] != len(words)):
        found.add(f"{where} cat_boundaries", f"do not divide {len(words):,} words among {count:,} splits")
        return
    for kind, threshold in zip(kinds, thresholds, strict=False):
        if kind & 1 and not (threshold.isdigit() and len(threshold) < 10 and int(threshold) < count):
            shown = threshold[:20].decode("latin-1")
            found.add(f"{where} threshold", f"names the categorical split {shown} of {count:,}")
            return


def _linear(tree: Mapping[str, bytes], leaves: int, where: str, features: int | None, found: Findings) -> None:
    """Leaves that are linear models index features too."""
    if not _one(tree, "is_linear"):
        return
    counts, used = _integers(tree.get("num_features", b"")), _integers(tree.get("leaf_features", b""))
    if len(counts) != leaves or min(counts, default=0) < 0 or sum(counts) != len(used):
        found.add(f"{where} leaf_features", f"has {len(used):,} entries for {leaves:,} leaves")
    elif features is not None and any(not 0 <= feature < features for feature in used):
        found.add(f"{where} leaf_features", f"names a feature of {features} that is not there")
