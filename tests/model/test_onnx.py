"""ONNX: real models are clean; paths that leave the folder, foreign operators and sizes that lie are findings."""

import io
import os
import zipfile

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from assaymark import scan
from tests.conftest import ids, look_at, look_at_folder, severe
from tests.model.test_data_files import ELF

FLOAT = TensorProto.FLOAT


def value(name: str, shape=(2,)):
    return helper.make_tensor_value_info(name, FLOAT, shape)


def model(nodes=(), initialisers=(), functions=(), domains=(), **options):
    nodes = list(nodes) or [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], list(initialisers), **options)
    opsets = [helper.make_opsetid("", 21), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), producer_name="test")


def looked(made, name: str = "model.onnx"):
    report = look_at(made if isinstance(made, bytes) else made.SerializeToString(), name)
    assert "CHK001" not in ids(report)
    return report


def external(location: str, shape=(2,), **entries):
    tensor = TensorProto(name="w", data_type=FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=text)
    return tensor


def branch(nodes=None, initialisers=()):
    """An If node whose branches hold these."""
    inner = helper.make_graph(
        nodes or [helper.make_node("Relu", ["x"], ["z"])], "b", [], [value("z")], list(initialisers)
    )
    return helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)


def every_type():
    types = [kind for name, kind in TensorProto.DataType.items() if name not in {"UNDEFINED", "STRING"}]
    for kind in types:
        values = [True, False, True] if kind == TensorProto.BOOL else [1, 0, 1]
        yield helper.make_tensor(f"t{kind}", kind, [3], values)
        if kind not in {TensorProto.COMPLEX64, TensorProto.COMPLEX128}:
            size = -(-3 * helper_bits(kind) // 8)
            yield helper.make_tensor(f"r{kind}", kind, [3], bytes(size), raw=True)
    yield helper.make_tensor("s", TensorProto.STRING, [2], [b"a", b"b"])
    yield helper.make_tensor("scalar", FLOAT, [], [1.0])
    yield helper.make_tensor("none", FLOAT, [0], [])
    yield helper.make_tensor("negative", TensorProto.INT64, [2], [-1, -(1 << 62)])
    yield numpy_helper.from_array(np.ones((2, 3), np.float64), "array")


def helper_bits(kind: int) -> int:
    small = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
    return small.get(TensorProto.DataType.Name(kind), helper.tensor_dtype_to_np_dtype(kind).itemsize * 8)


def sparse():
    values = helper.make_tensor("v", FLOAT, [2], [1, 2])
    return helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [2], [0, 3]), [4])


FUNCTION = helper.make_function(
    "my.domain", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 21)]
)
BENIGN = {
    "small": model(),
    "tensors": model(initialisers=every_type()),
    "subgraph": model([branch(initialisers=[numpy_helper.from_array(np.ones(3), "k")])]),
    "constant": model([helper.make_node("Constant", [], ["y"], value=numpy_helper.from_array(np.ones(2, np.float32)))]),
    "sparse": model(sparse_initializer=[sparse()]),
    "function": model(
        [helper.make_node("Twice", ["x"], ["y"], domain="my.domain")], functions=[FUNCTION], domains=["my.domain"]
    ),
    "machine learning": model(
        [helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", scale=[1.0])], domains=["ai.onnx.ml"]
    ),
    "onnxruntime": model(
        [helper.make_node("FusedGemm", ["x"], ["y"], domain="com.microsoft")], domains=["com.microsoft"]
    ),
    "external": model(initialisers=[external("model.onnx_data", offset="0", length="8")]),
    "external in a folder": model(initialisers=[external("weights/layer..1.bin", checksum="abc")]),
    "quantised": model([helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT8)]),
}


@pytest.mark.parametrize("name", BENIGN)
@pytest.mark.parametrize("file", ["model.onnx", "model.bin"])
def test_real_models_are_clean(name, file):
    report = looked(BENIGN[name], file)
    assert report.formats == ("onnx",)
    assert severe(report) == []
    assert report.findings == ()


def test_saved_with_external_data_is_clean(tmp_path):
    made = model(initialisers=[numpy_helper.from_array(np.ones(1_000, np.float32), "w")])
    path = os.fspath(tmp_path / "model.onnx")
    onnx.save_model(made, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with open(path, "rb") as file:
        assert looked(file.read()).findings == ()


OUTSIDE = {
    "absolute": "/etc/passwd",
    "parent": "../secrets.bin",
    "parent within": "a/../../secrets.bin",
    "backslash": "..\\..\\secrets.bin",
    "drive": "C:\\Users\\a",
    "share": "\\\\host\\share",
    "url": "https://example.org/w",
    "memory": "*/_ORT_MEM_ADDR_/*",
    "nul": "w.bin\0/../../x",
    "long": "./" * 3_000 + "../../x",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_mdl050_bad_path(name):
    report = looked(model(initialisers=[external(OUTSIDE[name])]))
    assert any(f.id == "MDL050" and f.severity.word == "high" for f in report.findings)


PLACES = {
    "initialiser": model(initialisers=[external("/x")]),
    "subgraph": model([branch(initialisers=[external("/x")])]),
    "subgraph of a subgraph": model([branch([branch(initialisers=[external("/x")])])]),
    "constant": model([helper.make_node("Constant", [], ["y"], value=external("/x"))]),
    "tensors": model([helper.make_node("Odd", [], ["y"], values=[external("/x")])]),
    "function": model(
        functions=[
            helper.make_function(
                "d", "F", [], ["b"], [helper.make_node("Constant", [], ["b"], value=external("/x"))], []
            )
        ]
    ),
    "function default": model(
        functions=[
            helper.make_function(
                "d", "F", [], ["b"], [], [], attribute_protos=[helper.make_attribute("a", external("/x"))]
            )
        ]
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_mdl050_bad_path_in_every_place(name):
    assert "MDL050" in ids(looked(PLACES[name]))


def test_mdl050_bad_path_in_sparse_and_training():
    made = model()
    made.graph.sparse_initializer.add().values.CopyFrom(external("/x"))
    assert "MDL050" in ids(looked(made))
    made = model()
    made.training_info.add().algorithm.initializer.append(external("/x"))
    assert "MDL050" in ids(looked(made))


def test_mdl050_bad_last_of_two_locations_and_split_messages():
    tensor = external("w.bin")
    tensor.external_data.add(key="location", value="/etc/passwd")
    assert "MDL050" in ids(looked(model(initialisers=[tensor])))
    first = model([helper.make_node("Constant", [], ["y"], value=TensorProto(data_location=TensorProto.EXTERNAL))])
    tensor.ClearField("data_location")
    second = model([helper.make_node("Constant", [], ["y"], value=tensor)])
    assert "MDL050" in ids(looked(first.SerializeToString() + second.SerializeToString()))


def test_mdl050_bad_engine_file():
    node = helper.make_node("EPContext", [], ["y"], domain="com.microsoft", embed_mode=0, ep_cache_context="../e.bin")
    assert "MDL050" in ids(looked(model([node])))


def test_mdl050_good_beside_the_model():
    assert "MDL050" not in ids(looked(BENIGN["external in a folder"]))


@pytest.mark.parametrize("domain", ["com.example", "trt.plugins", "AI.ONNX", "com.microsoft.extensions"])
def test_mdl051_bad_domain_holds(domain):
    operator = "StringLower" if domain.endswith("extensions") else "Custom"
    report = looked(model([helper.make_node(operator, ["x"], ["y"], domain=domain)]))
    assert [(f.id, f.holds) for f in report.findings] == [("MDL051", True)]


@pytest.mark.parametrize(
    "domain", ["com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "com.ms.internal.nhwc"]
)
@pytest.mark.parametrize("operator", ["Evil", "Snpe", "fusedgemm", "RemoteCall"])
def test_mdl051_bad_operator_that_onnxruntime_has_not(domain, operator):
    report = looked(model([helper.make_node(operator, ["x"], ["y"], domain=domain)]))
    assert [(f.id, f.holds) for f in report.findings] == [("MDL051", True)]
    assert operator in report.findings[0].message


@pytest.mark.parametrize(
    ("domain", "operator"),
    [
        ("com.microsoft", "GroupQueryAttention"),
        ("com.microsoft", "MatMulNBits"),
        ("com.microsoft", "SkipLayerNormalization"),
        ("com.microsoft.nchwc", "ReorderInput"),
        ("com.ms.internal.nhwc", "Conv"),
        ("", "SimplifiedLayerNormalization"),
    ],
)
def test_mdl051_good_operator_of_onnxruntime(domain, operator):
    assert looked(model([helper.make_node(operator, ["x"], ["y"], domain=domain)])).findings == ()


def test_mdl051_bad_operator_that_the_function_does_not_define():
    node = helper.make_node("Thrice", ["x"], ["y"], domain="my.domain")
    assert "MDL051" in ids(looked(model([node], functions=[FUNCTION])))


def test_mdl051_good_function_of_the_model():
    assert looked(BENIGN["function"]).findings == ()


WRONG = {
    "raw": helper.make_tensor("w", FLOAT, [2], bytes(8), raw=True),
    "typed": helper.make_tensor("w", FLOAT, [2], [1, 2]),
    "integers": helper.make_tensor("w", TensorProto.INT64, [2], [1, 2]),
    "nibbles": helper.make_tensor("w", TensorProto.INT4, [2], [1, 2]),
    "texts": helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"]),
    "complex": helper.make_tensor("w", TensorProto.COMPLEX64, [2], [1, 2]),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("dims", [[100], [1 << 62, 1 << 62]])
def test_mdl052_bad_size(name, dims):
    tensor = TensorProto()
    tensor.CopyFrom(WRONG[name])
    del tensor.dims[:]
    tensor.dims.extend(dims)
    assert "MDL052" in ids(looked(model(initialisers=[tensor])))


def test_mdl052_bad_negative_dimension():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[-1, -2], raw_data=bytes(8))
    assert "MDL052" in ids(looked(model(initialisers=[tensor])))


def test_mdl052_bad_ragged_raw_data():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[1], raw_data=bytes(5))
    assert "MDL052" in ids(looked(model(initialisers=[tensor])))


def test_mdl052_bad_external_length():
    assert "MDL052" in ids(looked(model(initialisers=[external("w.bin", length="4")])))


def test_mdl052_good_every_type():
    assert looked(BENIGN["tensors"]).findings == ()


PYTHON = {
    "PyOp": helper.make_node("PyOp", ["x"], ["y"], domain="com.microsoft", module="m", class_name="C"),
    "module and class": helper.make_node("Any", ["x"], ["y"], domain="d", module="m", class_name="C"),
    "PythonOp": helper.make_node("PythonOp", ["x"], ["y"], domain="com.microsoft"),
    "onnx_op": helper.make_node("MyFunction", ["x"], ["y"], domain="ai.onnx.contrib"),
}


@pytest.mark.parametrize("name", PYTHON)
def test_mdl053_bad_python(name):
    report = looked(model([branch([PYTHON[name], helper.make_node("Relu", ["y"], ["z"])])]))
    assert any(f.id == "MDL053" and f.severity.word == "high" for f in report.findings)


def test_mdl053_good_native_operator_of_the_extensions():
    node = helper.make_node("BertTokenizer", ["x"], ["y"], domain="ai.onnx.contrib")
    assert ids(looked(model([node]))) == {"MDL051"}


NONSENSE = {
    "negative offset": {"offset": "-1"},
    "negative length": {"length": "-8"},
    "no number": {"offset": "0x10"},
    "large": {"length": "9" * 30},
    "attribute": {"__class__": "x"},
    "empty": {"location": ""},
}


@pytest.mark.parametrize("name", NONSENSE)
def test_mdl054_bad_reference(name):
    assert "MDL054" in ids(looked(model(initialisers=[external(**({"location": "w"} | NONSENSE[name]))])))


def test_mdl054_bad_no_location():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    assert "MDL054" in ids(looked(model(initialisers=[tensor])))


def test_mdl054_good_reference():
    assert looked(BENIGN["external"]).findings == ()


def test_mdl055_bad_engine_holds():
    node = helper.make_node("EPContext", [], ["y"], domain="com.microsoft", embed_mode=1, ep_cache_context=b"\x7fELF")
    report = looked(model([node]))
    assert [(f.id, f.holds) for f in report.findings] == [("MDL055", True)]


def test_mdl055_good_fused_operator():
    assert looked(BENIGN["onnxruntime"]).findings == ()


def test_mdl056_bad_remote():
    nodes = [
        helper.make_node(
            "OpenAIChat", ["x"], [f"y{at}"], domain="com.microsoft.extensions", model_uri=f"https://{at}.example.org/"
        )
        for at in range(2)
    ]
    found = [f for f in looked(model(nodes)).findings if f.id == "MDL056"]
    assert len(found) == 2
    assert "https://0.example.org/" in found[0].message


def test_mdl056_good_address_in_a_text():
    made = model([helper.make_node("Relu", ["x"], ["y"], doc_string="https://example.org/")])
    assert looked(made).findings == ()


def field(number: int, payload: bytes) -> bytes:
    size, length = len(payload), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + payload


OPSET = field(8, b"\x10\x15")


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = field(1, field(4, b"If") + field(5, field(6, graph)))
    return b"\x08\x08" + field(7, graph) + OPSET


LIES = {
    "empty": b"",
    "text": b"not a model",
    "zeros": bytes(64),
    "other protobuf": field(2, b"x") * 3,
    "no graph": b"\x08\x08" + OPSET,
    "no opset": model().SerializeToString()[:-6],
    "length of 4 GB": b"\x08\x08\x3a\xff\xff\xff\xff\x0f",
    "endless varint": b"\x08" + b"\xff" * 40,
    "group": b"\x08\x08\x3b\x3c",
    "field 0": b"\x08\x08\x02\x00",
    "nested": nested(1_000),
    "many dimensions": model().SerializeToString() + field(7, field(5, b"\x08\x01" * 1_000)),
    "many entries": model().SerializeToString() + field(7, field(5, field(13, b"") * 1_000)),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_malformed(name):
    assert "CHK002" in ids(looked(LIES[name]))


def test_deep_but_allowed_nesting_is_walked():
    data = nested(30)
    assert looked(data).findings == ()


def test_unknown_fields_do_not_hide_a_model():
    data = b"\xf8\x7f\x01" + PLACES["initialiser"].SerializeToString()
    assert "MDL050" in ids(looked(data))


def test_bytes_after_the_model_do_not_hide_it():
    data = PLACES["initialiser"].SerializeToString()
    assert ids(looked(data + b"\0" * 9, "model.bin")) >= {"MDL050", "CHK002"}


def test_effects_before_a_break_are_reported():
    assert {"MDL053", "CHK002"} <= ids(looked(model([PYTHON["PyOp"]]).SerializeToString() + b"\x3a\xff"))


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\x08\x01\x12\x04\x0a\x02ab",  # a TensorFlow SavedModel
        field(1, b"node") * 4,  # a TensorFlow GraphDef
        b"GIF89a" + bytes(100),
    ],
)
def test_other_formats_are_not_taken_for_onnx(data):
    assert "onnx" not in looked(data, "file.bin").formats


def test_truncation_at_every_byte_is_seen():
    data = model([branch(initialisers=[numpy_helper.from_array(np.ones(3), "k")])]).SerializeToString()
    for length in range(len(data)):
        assert ids(looked(data[:length])), length


@settings(max_examples=100, deadline=None)
@given(data=st.data(), base=st.sampled_from(sorted(BENIGN)))
def test_mutations_always_give_a_report(data, base):
    raw = bytearray(BENIGN[base].SerializeToString())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    looked(bytes(raw))


def test_external_data_is_explained_by_its_model(tmp_path) -> None:
    """Raw floats have no magic: alone they hold, beside the model that describes them they are its values."""
    from assaymark import scan

    values = np.linspace(-1, 1, 300, dtype="f4")
    tensor = external("model.onnx.data", (300,), offset="0", length=str(values.nbytes))
    (tmp_path / "model.onnx").write_bytes(model(initialisers=[tensor]).SerializeToString())
    (tmp_path / "model.onnx.data").write_bytes(values.tobytes())
    report = scan(tmp_path, cache=False, config="", jobs=1)
    assert (report.verdict.outcome.value, report.findings) == ("allow", ())
    assert report.byte_map.unexplained == 0
    (tmp_path / "other.data").write_bytes(values.tobytes())
    report = scan(tmp_path, cache=False, config="", jobs=1)
    assert [(f.id, f.where.path) for f in report.findings] == [("CHK005", "other.data")]


def test_external_data_that_is_something_else_stays_what_it_is(tmp_path) -> None:
    from assaymark import scan

    (tmp_path / "model.onnx").write_bytes(model(initialisers=[external("weights.so")]).SerializeToString())
    (tmp_path / "weights.so").write_bytes(b"\x7fELF" + bytes(100))
    assert scan(tmp_path, cache=False, config="", jobs=1).verdict.outcome.value == "hold"


def described(size: int = 4096, **entries) -> bytes:
    return model(initialisers=[external("w.bin", (size // 4,), length=str(size), **entries)]).SerializeToString()


@pytest.mark.parametrize("files", [{}, {"other/w.bin": bytes(4096)}, {"W.bin": bytes(4096)}])
def test_mdl230_bad_data_file_is_missing(files):
    reports = look_at_folder({"m.onnx": described(), **files})
    assert [(f.id, f.holds) for f in reports["m.onnx"].findings] == [("MDL230", True)]


def test_mdl230_bad_file_that_is_scanned_alone(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(described())
    (tmp_path / "w.bin").write_bytes(bytes(4096))
    assert scan(path, cache=False, config="").verdict.outcome.value == "hold"
    assert scan(tmp_path, cache=False, config="").verdict.outcome.value == "allow"


def test_mdl230_good_data_file_of_two_models():
    models = {"a.onnx": described(), "b.onnx": described(offset="65536")}
    reports = look_at_folder({**models, "w.bin": bytes(65536 + 4096)})
    assert not [f for report in reports.values() for f in report.findings]
    assert reports["w.bin"].byte_map.data == 65536 + 4096


def test_bytes_of_a_data_file_that_no_tensor_has_hold():
    reports = look_at_folder({"m.onnx": described(), "w.bin": bytes(1 << 20)})
    assert [f.holds for f in reports["w.bin"].findings] == [True]


CARRIERS = {
    "raw data": model(initialisers=[TensorProto(name="w", data_type=TensorProto.UINT8, dims=[len(ELF)], raw_data=ELF)]),
    "texts": model(initialisers=[TensorProto(name="w", data_type=TensorProto.STRING, dims=[1], string_data=[ELF])]),
    "floats": model(initialisers=[helper.make_tensor("w", FLOAT, [len(ELF) // 4], np.frombuffer(ELF, "<f4"))]),
    "a constant": model(
        [
            helper.make_node(
                "Constant", [], ["y"], value=TensorProto(data_type=TensorProto.UINT8, dims=[len(ELF)], raw_data=ELF)
            )
        ]
    ),
    "an attribute": model([helper.make_node("Relu", ["x"], ["y"], note=ELF)]),
    "texts of an attribute": model([helper.make_node("Relu", ["x"], ["y"], notes=[b"a", ELF])]),
    "a subgraph": model([branch(initialisers=[TensorProto(name="w", data_type=2, dims=[len(ELF)], raw_data=ELF)])]),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_programs_in_tensors_are_found(name):
    assert "MDL222" in ids(looked(CARRIERS[name]))


def test_programs_in_external_data_are_found():
    reports = look_at_folder({"m.onnx": described(offset="4096"), "w.bin": bytes(4096) + ELF})
    assert ids(reports["w.bin"]) == {"MDL222"}


def test_pickles_and_archives_in_tensors_are_found():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("x.py", "import os")
    evil = b"\x80\x04cos\nsystem\n(X\x04\0\0\0truetR." + bytes(100)
    for data, expected in ((packed.getvalue(), "MDL223"), (evil, "MDL222")):
        tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[len(data)], raw_data=data)
        assert expected in ids(looked(model(initialisers=[tensor])))


def test_random_weights_never_look_like_programs():
    rng = np.random.default_rng(1)
    starts = [b"MZ", b"PK\x03\x04", b"\x7fELF", b"\x1f\x8b\x08\0", b"\x80\x04"]
    made = [
        helper.make_tensor(f"w{n}", FLOAT, [32], starts[n % 5].ljust(4, b"\0") + rng.bytes(124), raw=True)
        for n in range(500)
    ]
    assert looked(model(initialisers=made)).findings == ()
