import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe
from tests.model.hostile_bytes import is_noticed_when_cut, mutations, survives

REAL = Path(__file__).parent / "real" / "boosters"
BENIGN = sorted(path.name for path in REAL.iterdir())
Model = dict[str, Any]


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


def messages(data: bytes, name: str = "model.bin") -> list[str]:
    report = look_at(data, name)
    assert "CHK001" not in ids(report)
    return [finding.message for finding in report.findings if finding.id == "MDL170"]


def changed(name: str, change: Callable[[Model], object]) -> bytes:
    model = json.loads(real(name))
    change(model)
    return json.dumps(model).encode()


def tree(model: Model) -> Model:
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


def replaced(name: str, old: bytes, new: bytes) -> bytes:
    data = real(name)
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize("name", BENIGN)
def test_real_models_are_allowed(name: str) -> None:
    """XGBoost JSON, UBJSON, binary and training state; LightGBM text; CatBoost: all boosters and feature kinds."""
    report = look_at(real(name), name)
    assert severe(report) == []
    assert not ids(report) & {"MDL170", "MDL171"}
    assert report.formats[0] in {"xgboost", "ubjson", "xgboost-binary", "lightgbm", "catboost"}


XGBOOST: dict[str, Callable[[Model], object]] = {
    "child outside": lambda m: tree(m)["left_children"].__setitem__(0, 10_000),
    "child negative": lambda m: tree(m)["right_children"].__setitem__(0, -7),
    "cycle": lambda m: tree(m)["left_children"].__setitem__(0, 0),
    "feature outside": lambda m: tree(m)["split_indices"].__setitem__(0, 4_000_000),
    "short array": lambda m: tree(m)["split_conditions"].pop(),
    "more nodes declared": lambda m: tree(m)["tree_param"].update(num_nodes="2000000000"),
    "no number": lambda m: tree(m)["tree_param"].update(num_nodes="x"),
    "more trees declared": lambda m: m["learner"]["gradient_booster"]["model"]["gbtree_model_param"].update(
        num_trees="99"
    ),
    "groups": lambda m: m["learner"]["gradient_booster"]["model"]["tree_info"].pop(),
    "categories": lambda m: tree(m).update(
        categories=[1], categories_nodes=[0], categories_segments=[0], categories_sizes=[500]
    ),
    "uneven categories": lambda m: tree(m).update(categories_nodes=[0, 1], categories_sizes=[1]),
    "no booster": lambda m: m["learner"].pop("gradient_booster"),
    "tree is text": lambda m: m["learner"]["gradient_booster"]["model"]["trees"].__setitem__(0, "x"),
    "children missing": lambda m: tree(m).pop("left_children"),
}


@pytest.mark.parametrize("change", XGBOOST.values(), ids=XGBOOST.keys())
def test_mdl170_bad_xgboost_json(change: Callable[[Model], object]) -> None:
    """XGBoost 3.2.0 died of a segmentation fault in `predict` with a child outside, a feature outside, and a cycle."""
    assert messages(changed("cls.json", change), "model.json")


def test_mdl170_bad_xgboost_key_twice() -> None:
    assert messages(
        real("cls.json").replace(b'"version":', b'"learner":{"learner_model_param":{}},"version":'), "m.json"
    )


def test_mdl170_bad_xgboost_ubjson() -> None:
    data = real("cls.ubj")
    at = data.index(b"left_children") + len(b"left_children") + len(b"[$l#L") + 8
    assert messages(data[:at] + struct.pack(">i", 1 << 20) + data[at + 4 :], "m.ubj")


def test_mdl170_bad_xgboost_binary() -> None:
    """The first child of the root, and the number of nodes, in the layout that XGBoost wrote until 3.0."""
    data = real("tree.binf")
    at = data.index(b"gbtree") + len(b"gbtree") + 160
    nodes = at + 148
    assert messages(data[: nodes + 4] + struct.pack("<i", 1 << 20) + data[nodes + 8 :])
    assert messages(data[: nodes + 4] + struct.pack("<i", 0) + data[nodes + 8 :])
    assert messages(data[: at + 4] + struct.pack("<i", 0x7FFFFFFF) + data[at + 8 :])
    assert messages(data[: at - 160] + struct.pack("<i", -1) + data[at - 156 :])


LIGHTGBM = {
    "child outside": (b"left_child=", b"left_child=9"),
    "feature outside": (b"split_feature=", b"split_feature=7"),
    "more leaves declared": (b"num_leaves=6", b"num_leaves=9"),
    "no leaves": (b"num_leaves=6", b"num_leaves=-1"),
    "sizes": (b"tree_sizes=", b"tree_sizes=1"),
    "key twice": (b"num_cat=0\n", b"num_cat=0\nnum_cat=0\n"),
    "categories": (b"num_cat=0\n", b"num_cat=3\n"),
    "words": (b"left_child=", b"left_child=x"),
}


@pytest.mark.parametrize(("old", "new"), LIGHTGBM.values(), ids=LIGHTGBM.keys())
def test_mdl170_bad_lightgbm(old: bytes, new: bytes) -> None:
    """LightGBM 4.7.0 died of a segmentation fault in `predict` with a child outside and a feature outside."""
    assert messages(replaced("bin.txt", old, new), "model.txt")


def test_mdl170_bad_lightgbm_cycle_and_category() -> None:
    text = real("bin.txt").replace(b"tree_sizes", b"other_sizes")
    line = next(part for part in text.split(b"\n") if part.startswith(b"left_child="))
    assert "twice" in messages(text.replace(line, b"left_child=0" + line[line.index(b" ") :]), "model.txt")[0]
    kind = next(part for part in text.split(b"\n") if part.startswith(b"decision_type="))
    assert "categorical" in messages(text.replace(kind, kind.replace(b"=2", b"=1", 1)), "model.txt")[0]


def test_mdl170_bad_lightgbm_linear_leaf() -> None:
    text = real("linear.txt").replace(b"tree_sizes", b"other_sizes")
    line = [part for part in text.split(b"\n") if part.startswith(b"leaf_features=")][-1]
    assert messages(text.replace(line, line + b"99 "), "model.txt")


def test_mdl170_bad_catboost() -> None:
    """The first split, and the sizes of the trees; CatBoost 1.2.10 died of a segmentation fault with size 30."""
    data = real("reg.cbm")
    splits = data.index(
        struct.pack("<12i", 3, 1, 8, *struct.unpack_from("<9i", data, data.index(struct.pack("<3i", 3, 1, 8)) + 12))
    )
    assert messages(data[:splits] + struct.pack("<i", 0x7FFFFFFF) + data[splits + 4 :], "m.cbm")
    sizes = data.index(struct.pack("<5i", 4, 3, 3, 3, 3)) + 4
    assert messages(data[:sizes] + struct.pack("<i", 30) + data[sizes + 4 :], "m.cbm")
    assert messages(data[:sizes] + struct.pack("<i", -1) + data[sizes + 4 :], "m.cbm")


def test_mdl170_good_custom_objective() -> None:
    """LightGBM writes `objective=` of a function of the user's as nothing at all; names are looked up, never run."""
    assert messages(real("bin.txt").replace(b"objective=binary sigmoid:1", b"objective=custom"), "model.txt") == []


def test_mdl171_bad_machines() -> None:
    data = replaced("bin.txt", b"[machines: ]", b"[machines: 10.0.0.1:12400]")
    assert "MDL171" in ids(look_at(data, "model.txt"))


def test_mdl171_good_path_of_training_data() -> None:
    assert ids(look_at(replaced("bin.txt", b"[data: ]", b"[data: train.csv]"), "model.txt")) == set()


@pytest.mark.parametrize(
    "body",
    [
        b"{L\0\0\0\0\0\0\0\1a" * 100_000,
        b"[" * 100_000,
        b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$d#L\0\0\0\0\x7f\xff\xff\xff",
        b"SL\xff\xff\xff\xff\xff\xff\xff\xff",
        b"[$i",
        b"?",
        b"Sx",
    ],
    ids=["deep", "deep arrays", "count", "nulls", "floats", "negative", "no count", "mark", "length type"],
)
def test_ubjson_sizes_and_depth(body: bytes) -> None:
    assert "CHK002" in ids(look_at(b"{L\0\0\0\0\0\0\0\7learner" + body, "m.ubj"))


def test_json_that_is_deep_or_broken() -> None:
    lead = b'{"learner":{"learner_model_param":'
    assert "CHK002" in ids(look_at(lead + b"[" * 100_000, "m.json"))
    assert "CHK002" in ids(look_at(lead, "m.json"))
    assert "CHK002" in ids(look_at(lead + b"1" * 5000 + b"}}", "m.json"))


def test_what_follows_is_looked_at() -> None:
    evil = b"cposix\nsystem\n(S'id'\ntR."
    for name in ("cls.ubj", "tree.binf", "reg.cbm"):
        assert "MDL001" in ids(look_at(real(name) + evil, name)), name


@pytest.mark.parametrize(("name", "step"), [("lin.ubj", 3), ("tree.binf", 13), ("reg.cbm", 31), ("stump.txt", 7)])
def test_cut_off_anywhere(name: str, step: int) -> None:
    """A LightGBM text is complete once `end of trees` stands there; what follows is told by no count."""
    data = real(name)
    end = data.find(b"end of trees")
    suffix = {"binf": ".ubj", "txt": ".ubj"}.get(name.rsplit(".", 1)[1], name)
    is_noticed_when_cut(data[:end] if end > 0 else data, suffix, step)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["cls.ubj", "tree.binf", "dart.binf", "reg.cbm", "loss.cbm", "bin.txt", "stump.txt", "cat.ubj"])
    .map(real)
    .flatmap(mutations)
)
def test_any_input_gives_a_report(data: bytes) -> None:
    survives(data, "model")


@settings(max_examples=50, deadline=None)
@given(mutations(real("cls.json")))
def test_any_json_gives_a_report(data: bytes) -> None:
    survives(data, "model.json")


def test_a_line_that_ends_for_lightgbm_alone_holds() -> None:
    """Its reader ends a line at a carriage return or NUL: what stands behind is a line that is not looked at here."""
    data = real("stump.txt")
    for end in (b"\r", b"\0"):
        changed_ = data.replace(b"num_leaves=", b"shrinkage=1" + end + b"num_leaves=99\nnum_leaves=", 1)
        assert "CHK002" in ids(look_at(changed_, "model.txt"))
