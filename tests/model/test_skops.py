import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.conftest import ids, look_at, severe
from tests.model.hostile_bytes import is_noticed_when_cut, mutations, survives

REAL = Path(__file__).parent / "real" / "skops"
BENIGN = ("lr", "pipe", "tree", "hgb", "col", "data", "ft", "ft2", "part", "itg")
Node = dict[str, object]


def archive(root: Node, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("schema.json", json.dumps({**root, "protocol": 2, "_skops_version": "0.13.0"}))
        for name, data in members.items():
            zipped.writestr(name, data)
    return file.getvalue()


def node(loader: str, target: str, **more: object) -> Node:
    module, _, name = target.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **more}


def text(value: object) -> Node:
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def items(*values: Node) -> Node:
    return node("TupleNode", "builtins.tuple", content=list(values))


RIDGE = node("ObjectNode", "sklearn.linear_model._ridge.Ridge")


def found(root: Node) -> set[str]:
    report = look_at(archive(root), "model.skops")
    assert "CHK001" not in ids(report)
    return ids(report)


@pytest.mark.parametrize("name", BENIGN)
def test_real_estimators_are_allowed(name: str) -> None:
    """Linear models, pipelines, trees, gradient boosting, transformers with ufuncs and partials, all node types."""
    report = look_at((REAL / f"{name}.skops").read_bytes(), f"{name}.skops")
    assert severe(report) == []
    assert "skops" in report.formats


def test_mdl177_bad_real_transformer_with_os_system() -> None:
    """Written by skops 0.16: loaded with `trusted=[...]` it calls `os.system` on whatever it transforms."""
    report = look_at((REAL / "os.skops").read_bytes(), "os.skops")
    assert "MDL177" in ids(report)


@pytest.mark.parametrize("loader", ["FunctionNode", "TypeNode", "ObjectNode", "ConstructorFromReduceNode", "ListNode"])
def test_mdl177_bad_dangerous_name_under_any_loader(loader: str) -> None:
    assert "MDL177" in found(node(loader, "os.system", content=items(text("id"))))


def test_mdl177_bad_function_of_protocol_0() -> None:
    old = node("FunctionNode", "builtins.function", content={"module_path": "os", "function": "system"})
    assert "MDL177" in found(old)


def test_mdl177_bad_deep_inside() -> None:
    inner = node("DictNode", "builtins.dict", content={"a": node("TypeNode", "subprocess.Popen")})
    assert "MDL177" in found({**RIDGE, "content": node("DictNode", "builtins.dict", content={"x": items(inner)})})


def test_mdl177_bad_private_attribute_by_operator() -> None:
    assert "MDL177" in found(node("OperatorFuncNode", "operator.attrgetter", attrs=items(text("__class__.__mro__"))))


def test_mdl177_good_ufunc() -> None:
    assert found(node("FunctionNode", "numpy.log1p")) == set()


def test_mdl178_bad_class_of_nobody() -> None:
    assert "MDL178" in found(node("ObjectNode", "their.module.Model"))


def test_mdl178_bad_loader_of_nobody() -> None:
    assert "MDL178" in found(node("NewNode", "builtins.list"))


def test_mdl178_bad_real_method_and_methodcaller() -> None:
    for name in ("meth", "met"):
        report = look_at((REAL / f"{name}.skops").read_bytes(), f"{name}.skops")
        assert ids(report) == {"MDL178"}


def test_mdl178_bad_generator_of_another_name() -> None:
    state = node("DictNode", "builtins.dict", content={"bit_generator": text("seed")})
    assert "MDL178" in found(
        node("RandomGeneratorNode", "numpy.random._generator.Generator", content={"bit_generator": state})
    )


def test_mdl178_bad_estimator_that_is_called() -> None:
    """A vetted class under a loader that calls it with data of the file is another use."""
    assert found(node("ConstructorFromReduceNode", "builtins.getattr", content=items(text("a")))) & {"MDL177", "MDL178"}


def test_mdl178_good_estimator() -> None:
    assert found(RIDGE) == set()


def test_mdl179_bad_operator_of_another_name() -> None:
    """CVE-2025-54412: skops < 0.12 showed `module.class` to the user and called `getattr(operator, class)(*attrs)`.

    skops 0.11.0 asked to trust `builtins.call` and started the command (seen with a marker file).
    """
    evil = node("OperatorFuncNode", "sklearn.linear_model._stochastic_gradient.call", attrs=items(text("id")))
    assert "MDL179" in found(evil)
    assert "MDL179" in found(node("OperatorFuncNode", "operator.call", attrs=items(text("id"))))


def test_mdl179_bad_method_of_another_class() -> None:
    """CVE-2025-54413: skops < 0.12 took the method from an object of another class than the one it showed."""
    inner = node("TypeNode", "builtins.int")
    assert "MDL179" in found(
        node("MethodNode", "sklearn.linear_model._ridge.Ridge", content={"func": "__subclasses__", "obj": inner})
    )


def test_mdl179_bad_names_that_are_no_texts() -> None:
    assert "MDL179" in found({"__loader__": "ObjectNode", "__module__": ["os"], "__class__": "system"})


def test_mdl179_good_itemgetter() -> None:
    assert found(node("OperatorFuncNode", "operator.itemgetter", attrs=items(text("a")))) == set()


def test_wide_and_escaped_schemas_are_read() -> None:
    """`json.loads` takes UTF-16 and escapes in keys: so do we."""
    schema = json.dumps(node("TypeNode", "os.system"))
    assert "MDL177" in ids(look_at(schema.encode("utf-16"), "schema.json"))
    assert "MDL177" in ids(look_at(schema.replace("__loader__", "\\u005f_loader__").encode(), "schema.json"))
    assert "MDL177" in ids(look_at(b" " * 10_000 + schema.encode(), "schema.json"))


def test_schema_of_another_kind() -> None:
    assert severe(look_at(b'{"$schema": "x", "type": "object"}', "schema.json")) == []


def test_deep_schema() -> None:
    deep = '{"__loader__":"DictNode","a":' * 100_000 + "1" + "}" * 100_000
    assert "CHK002" in ids(look_at(deep.encode(), "schema.json"))


def test_a_pickle_by_the_name_of_skops() -> None:
    """CVE-2025-54886: `Card.get_model` hands what is no zip to joblib."""
    assert "MDL001" in ids(look_at(b"cposix\nsystem\n(S'id'\ntR.", "model.skops"))


def test_cut_off_anywhere() -> None:
    whole = archive(RIDGE)
    is_noticed_when_cut(whole, "model.zip", 3)


SEED = json.dumps({**RIDGE, "content": items(node("TypeNode", "os.system"), text("a"), RIDGE)}).encode()


@settings(max_examples=100, deadline=None)
@given(mutations(SEED))
def test_any_input_gives_a_report(data: bytes) -> None:
    survives(data, "schema.json")
