"""Exported programs (.pt2): MDL130 to MDL133 and MDL143."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.scan import FileReport
from assaymark.model.torch.payloads import ALL, pickled
from assaymark.model.zipindex import read_index
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe

REAL = Path(__file__).parent / "real" / "torch"
HONEST = (REAL / "exported.pt2").read_bytes()


def edited(change: Callable[[dict[str, Any]], None] | None = None, extra: dict[str, bytes] | None = None) -> bytes:
    """The honest program with its graph changed and members added."""
    out = io.BytesIO()
    added = extra or {}
    with zipfile.ZipFile(io.BytesIO(HONEST)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("models/model.json") and change is not None:
                document = json.loads(data)
                change(document)
                data = json.dumps(document).encode()
            if name not in added:
                new.writestr(name, data)
        for name, data in added.items():
            new.writestr(name, data)
    return out.getvalue()


def graph(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["graph_module"]["graph"]
    return found


def with_target(target: str) -> FileReport:
    def change(document: dict[str, Any]) -> None:
        graph(document)["nodes"][0]["target"] = target

    return look_at(edited(change), "model.pt2")


def with_expression(text: str) -> FileReport:
    def change(document: dict[str, Any]) -> None:
        graph(document)["tensor_values"]["x"]["sizes"][0]["as_expr"]["expr_str"] = text

    return look_at(edited(change), "model.pt2")


def with_guard(text: str) -> FileReport:
    return look_at(edited(lambda document: document.update(guards_code=[text])), "model.pt2")


def with_tree(context: dict[str, Any]) -> FileReport:
    def change(document: dict[str, Any]) -> None:
        signature = document["graph_module"]["module_call_graph"][0]["signature"]
        spec = json.loads(signature["in_spec"])
        spec[1]["children_spec"][1]["context"] = json.dumps(context)
        signature["in_spec"] = json.dumps(spec)

    return look_at(edited(change), "model.pt2")


def test_mdl133_good_a_real_program_is_allowed() -> None:
    """It has a symbolic batch size and a branch."""
    report = look_at(HONEST, "exported.pt2")
    assert report.findings == ()
    assert look_at(edited(), "model.pt2").findings == ()
    assert look_at((REAL / "guarded.pt2").read_bytes(), "guarded.pt2").findings == ()


def test_mdl133_bad_a_shape_is_evaluated() -> None:
    """Proved: torch 2.13 `torch.export.load` of this file runs `id > /tmp/tpt/proof/expression` (sympy.sympify)."""
    report = look_at((REAL / "evil_expression.pt2").read_bytes(), "model.pt2")
    assert ids(report) == {"MDL133"}


def test_mdl133_bad_a_tree_imports_a_module() -> None:
    """Proved: torch 2.13 `torch.export.load` of this file imports the module `antigravity`."""
    assert ids(look_at((REAL / "evil_tree.pt2").read_bytes(), "model.pt2")) == {"MDL133"}
    assert "MDL133" in ids(with_tree({"default_factory_module": "os", "default_factory_name": "system"}))
    assert "MDL133" in ids(with_tree({"default_factory_module": "builtins", "default_factory_name": "exec"}))


def test_mdl133_bad_a_guard_is_compiled() -> None:
    """Proved: torch 2.13 runs it when the result of `.module()` is called."""
    assert ids(look_at((REAL / "evil_guard.pt2").read_bytes(), "model.pt2")) == {"MDL133"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "exec('1')",
        "().__class__",
        "(lambda: 0)()",
        "[x for x in (1,)]",
        "Add('__import__(1)', 1)",
        "Symbol('s0').func",
        "s0[0]",
    ],
)
def test_mdl133_bad_more_than_arithmetic(text: str) -> None:
    assert "MDL133" in ids(with_expression(text))


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s77', positive=True, integer=True)",
        "s0 + 2*s1",
        "Mul(Integer(2), Symbol('s0', integer=True))",
        "FloorDiv(s0, 2) + Max(1, u0)",
        "Mod(s0, 8) - 1",
        "-int_oo",
        "Piecewise((1, s0 > 2), (0, True))",
    ],
)
def test_mdl133_good_arithmetic(text: str) -> None:
    assert with_expression(text).findings == ()


@pytest.mark.parametrize("text", ["L['x'].size()[0] % 8 == 0", "L['x'].stride()[1] == 1", "2 <= L['x'].shape[0] <= 64"])
def test_mdl133_good_guards(text: str) -> None:
    assert with_guard(text).findings == ()


@pytest.mark.parametrize("text", ["5!", "s0 # \n + 1", "(", "s0 +\\\n 1", "\uff53"])
def test_mdl143_bad_what_cannot_be_read(text: str) -> None:
    report = with_expression(text)
    assert "MDL143" in ids(report)
    assert severe(report)


def test_mdl143_good_a_real_program() -> None:
    assert "MDL143" not in ids(look_at(HONEST, "exported.pt2"))


def test_mdl130_bad_targets_that_reach_out() -> None:
    assert "MDL130" in ids(with_target("torch.ops.aten.from_file.default"))
    assert "MDL130" in ids(with_target("torch.hub.load"))
    assert "MDL130" in ids(with_target("torch.serialization.os.system"))


def test_mdl130_bad_an_operator_handed_to_another() -> None:
    def change(document: dict[str, Any]) -> None:
        node = graph(document)["nodes"][0]
        node["target"] = "torch.ops.higher_order.auto_functionalized_v2"
        node["inputs"][0]["arg"] = {"as_operator": "torch.ops.aten.save.default"}

    assert "MDL130" in ids(look_at(edited(change), "model.pt2"))


def test_mdl130_bad_in_the_old_layout_and_in_a_second_model() -> None:
    document = json.dumps({"graph_module": {"graph": {"nodes": [{"target": "torch.ops.aten.save", "inputs": []}]}}})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("version", "4.1")
        packed.writestr("serialized_exported_program.json", document)
    assert "MDL130" in ids(look_at(out.getvalue(), "old.pt2"))
    assert "MDL130" in ids(look_at(edited(extra={"exported/MODELS/b.JSON": document.encode()}), "model.pt2"))


def test_mdl131_bad_operators_of_others() -> None:
    assert ids(with_target("torch.ops.mylib.do.default")) == {"MDL131"}
    assert ids(with_target("torch.ops.higher_order.triton_kernel_wrapper_functional")) == {"MDL131"}
    assert ids(with_target("torch.nn.functional.relu")) == {"MDL131"}
    assert ids(with_target("#ext:mine")) == {"MDL131"}


def test_mdl131_bad_an_object_of_a_native_class() -> None:
    content = b"\x80\x02c__torch__.torch.classes.mine\nEngine\n)\x81}b."
    assert "MDL131" in ids(look_at(edited(extra={"exported/data/constants/custom_obj_0": content}), "model.pt2"))


def test_mdl131_good_operators_of_torch() -> None:
    for target in ("_operator.add", "torch.sym_max", "math.trunc", "torch.ops.quantized_decomposed.add.default"):
        assert with_target(target).findings == ()


def test_mdl132_bad_compiled_code() -> None:
    """The layout is that of `torch._inductor.aoti_compile_and_package` of torch 2.13."""
    extra = {
        "exported/data/aotinductor/model/a.wrapper.so": b"\x7fELF\x02\x01\x01" + bytes(100),
        "exported/data/aotinductor/model/a.wrapper.cpp": b"int main() {}",
        "exported/data/aotinductor/model/a.wrapper_metadata.json": b'{"AOTI_DEVICE_KEY": "cpu"}',
    }
    report = look_at(edited(extra=extra), "model.pt2")
    assert [f.where.member for f in report.findings if f.id == "MDL132"] == list(extra)[:2]
    assert severe(report)
    assert "MDL133" not in ids(report)


def test_mdl133_bad_flags_that_are_commands() -> None:
    extra = {"exported/data/aotinductor/model/a_compile_flags.json": b'{"flags": ["-O2 ; id > /tmp/x"]}'}
    assert "MDL133" in ids(look_at(edited(extra=extra), "model.pt2"))


def test_mdl132_good_no_compiled_code() -> None:
    assert "MDL132" not in ids(look_at(HONEST, "exported.pt2"))


def test_a_weight_that_is_unpickled_is_looked_at() -> None:
    """`use_pickle` has the loader call `torch.load(..., weights_only=False)` on the payload."""
    pickle = b"cos\nsystem\n(S'id'\ntR."
    config = {"config": {"w": {"path_name": "weight_0", "is_param": True, "use_pickle": True, "tensor_meta": None}}}
    extra = {
        "exported/data/weights/weight_0": pickle,
        "exported/data/weights/model_weights_config.json": json.dumps(config).encode(),
    }
    assert "MDL001" in ids(look_at(edited(extra=extra), "model.pt2"))
    extra["exported/data/weights/model_weights_config.json"] = b"{"
    assert "MDL001" in ids(look_at(edited(extra=extra), "model.pt2"))
    del extra["exported/data/weights/model_weights_config.json"]
    assert look_at(edited(extra=extra), "model.pt2").findings == ()


def test_a_graph_that_is_no_json_holds() -> None:
    report = look_at(edited(extra={"exported/models/model.json": b'{"graph_module": '}), "model.pt2")
    assert "CHK002" in ids(report)
    deep = b"[" * 100_000
    assert severe(look_at(edited(extra={"exported/models/model.json": deep}), "model.pt2"))


def test_a_key_that_stands_twice_hides_nothing() -> None:
    document = b'{"a": 1, "nodes": [{"target": "torch.ops.aten.save", "inputs": []}], "nodes": []}'
    assert "MDL130" in ids(look_at(edited(extra={"exported/models/model.json": document}), "model.pt2"))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_mutated_graphs_never_crash_the_reader(data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(HONEST)) as old:
        content = bytearray(old.read("exported/models/model.json"))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    report = look_at(edited(extra={"exported/models/model.json": bytes(content)}), "model.pt2")
    assert "CHK001" not in ids(report)


def test_mdl133_bad_a_tree_imports_a_module_behind_many_others() -> None:
    fill = [1] * 200_000
    evil = {"default_factory_module": "os", "default_factory_name": "system"}
    assert "MDL133" in ids(with_tree({"first": evil, "fill": fill}))


def test_mdl143_bad_a_tree_deeper_than_we_read() -> None:
    deep = "[" * 60_000 + "]" * 60_000

    def change(document: dict[str, Any]) -> None:
        document["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = deep

    assert "MDL143" in ids(look_at(edited(change), "model.pt2"))


def test_configurations_that_share_their_bytes_are_bounded() -> None:
    """Beyond 64 MiB of them every payload counts as unpickled."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(3):
            archive.writestr(f"m/data/weights/{index}config.json", b'{"config": {}}'.ljust(30 << 20))
    with zipfile.ZipFile(out) as archive:
        infos = archive.infolist()
    blob = Bytes(out.getvalue())
    parts = read_index(blob, Budget(monotonic=lambda: 0.0, spool=FileSpool)).parts
    assert len(parts) == len(infos)
    assert pickled(blob, parts[:2]) == frozenset()
    assert pickled(blob, parts) == frozenset({ALL})
