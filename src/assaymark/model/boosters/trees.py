"""XGBoost's model document, as JSON or UBJSON says it, held against itself: what the predictor would index with.

XGBoost compares the lengths of a tree's arrays with `num_nodes` (RegTree::LoadModel), and walks children and feature
indices unchecked when it predicts.
"""

from collections.abc import Mapping, Sequence

from assaymark.model.boosters.views import Findings

_PER_NODE = ("base_weights", "left_children", "right_children", "parents", "split_indices", "split_conditions",
             "default_left", "loss_changes", "sum_hessian")  # fmt: skip
_NONE = -1


def objective_of(learner: Mapping[str, object]) -> str:
    """The name of the objective, or an empty text."""
    objective = learner.get("objective")
    return str(objective.get("name", ""))[:80] if isinstance(objective, dict) else ""


def examine(learner: Mapping[str, object], found: Findings) -> int:
    """Look at the booster of a learner; the number of its trees."""
    booster = learner.get("gradient_booster")
    if not isinstance(booster, dict):
        found.add("learner", "has no gradient_booster")
        return 0
    param = learner.get("learner_model_param")
    features = number(param.get("num_feature")) if isinstance(param, dict) else None
    inner = booster.get("gbtree") if isinstance(booster.get("gbtree"), dict) else booster
    model = inner.get("model") if isinstance(inner, dict) else None
    trees = model.get("trees") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(trees, list):
        return 0  # a linear booster, or a configuration without a model
    param = model.get("gbtree_model_param")
    declared = number(param.get("num_trees")) if isinstance(param, dict) else None
    if declared is not None and declared != len(trees):
        found.add("gbtree_model_param", f"declares {declared:,} trees, there are {len(trees):,}")
    info = model.get("tree_info")
    if isinstance(info, Sequence) and len(info) != len(trees):
        found.add("tree_info", f"has {len(info):,} entries for {len(trees):,} trees")
    weights = booster.get("weight_drop")
    if isinstance(weights, Sequence) and len(weights) != len(trees):
        found.add("weight_drop", f"has {len(weights):,} entries for {len(trees):,} trees")
    for index, tree in enumerate(trees):
        if isinstance(tree, dict):
            _tree(tree, f"tree {index}", features, found)
        else:
            found.add(f"tree {index}", "is no object")
    return len(trees)


def number(value: object) -> int | None:
    """An integer, which the JSON spells as a text."""
    text = str(value) if isinstance(value, (int, str)) else ""
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else None


def _tree(tree: Mapping[str, object], where: str, features: int | None, found: Findings) -> None:
    param = tree.get("tree_param")
    nodes = number(param.get("num_nodes")) if isinstance(param, dict) else None
    if nodes is None or nodes < 0:
        found.add(where, "declares no number of nodes")
        return
    width = number(param.get("size_leaf_vector")) if isinstance(param, dict) else None
    for key in _PER_NODE:
        values = tree.get(key)
        length = len(values) if isinstance(values, Sequence) else None
        wide = key == "base_weights" and width is not None and width > 1 and length == nodes * width
        if length is not None and length != nodes and not wide:
            found.add(f"{where} {key}", f"has {length:,} entries for {nodes:,} nodes")
    left, right, splits = (tree.get(key) for key in ("left_children", "right_children", "split_indices"))
    if not (isinstance(left, Sequence) and isinstance(right, Sequence) and isinstance(splits, Sequence)):
        found.add(where, "lacks its children or features")
    elif len(left) == len(right) == len(splits) == nodes:
        walk(left, right, splits, where, features, found)
    _categories(tree, where, nodes, found)


def walk(
    left: Sequence[object], right: Sequence[object], splits: Sequence[object], where: str,
    features: int | None, found: Findings,
) -> None:  # fmt: skip
    """Follow the tree from its root as a prediction may: no index may leave the arrays, no node come twice."""
    nodes = len(left)
    seen = bytearray(nodes)
    pending = [0] if nodes else []
    while pending:
        node = pending.pop()
        if seen[node]:
            found.add(where, f"reaches node {node:,} twice: a walk through it may never end")
            return
        seen[node] = 1
        if left[node] == _NONE:
            continue
        for child in (left[node], right[node]):
            if not isinstance(child, int) or not 0 <= child < nodes:
                found.add(where, f"node {node:,} has the child {str(child)[:20]} of {nodes:,} nodes")
                return
            pending.append(child)
        split = splits[node]
        if not isinstance(split, int) or split < 0 or (features is not None and split >= features):
            found.add(where, f"node {node:,} splits on feature {str(split)[:20]} of {features}")
            return


def _categories(tree: Mapping[str, object], where: str, nodes: int, found: Findings) -> None:
    values, at, starts, sizes = (
        tree.get(key) for key in ("categories", "categories_nodes", "categories_segments", "categories_sizes")
    )
    if not all(isinstance(part, Sequence) for part in (values, at, starts, sizes)):
        return
    if not len(at) == len(starts) == len(sizes):  # type: ignore[arg-type] # sequences, as was asked
        found.add(f"{where} categories", "have nodes, segments and sizes of different length")
        return
    for node, start, size in zip(at, starts, sizes, strict=True):  # type: ignore[call-overload] # the same
        if not all(isinstance(part, int) and part >= 0 for part in (node, start, size)) or node >= nodes:
            found.add(f"{where} categories", f"belong to node {str(node)[:20]} of {nodes:,}")
            return
        if start + size > len(values):  # type: ignore[arg-type] # the same
            found.add(f"{where} categories", f"reach to {start + size:,} of {len(values):,}")  # type: ignore[arg-type]
            return
