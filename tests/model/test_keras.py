"""Keras configurations of versions 2 and 3, as `.keras`, HDF5 and plain JSON: real ones, and what may not be in them."""

import base64
import gzip
import io
import json
import marshal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.core.scan import FileReport
from assaymark.model.keras import document
from tests.conftest import ids, look_at, severe

DATA = Path(__file__).parent / "data"
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
CODE = base64.encodebytes(marshal.dumps(compile("__import__('os').system('true')", "x", "eval"))).decode()


def stored(name: str) -> bytes:
    """A real file of tests/model/data."""
    return gzip.decompress((DATA / f"{name}.gz").read_bytes())


def layer(name: str, module: Any = "keras.layers", **config: Any) -> dict[str, Any]:
    """A layer as Keras 3 writes it."""
    return {
        "module": module,
        "class_name": name,
        "config": {"name": name.lower(), "trainable": True, "dtype": POLICY, **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 4]},
    }


def function(name: str, module: str | None) -> dict[str, Any]:
    """A function reference as Keras 3 writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def old(name: str, **config: Any) -> dict[str, Any]:
    """A layer as Keras 1 and 2 write it."""
    return {"class_name": name, "config": {"name": name.lower(), "trainable": True, "dtype": "float32", **config}}


def model(*layers: Any, **more: Any) -> dict[str, Any]:
    """A sequential model of Keras 3."""
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": "m",
            "trainable": True,
            "dtype": POLICY,
            "layers": [layer("InputLayer", batch_shape=[None, 4]), *layers],
        },
        "registered_name": None,
        **more,
    }


def archive(value: Any, encode: Callable[[str], bytes] = str.encode) -> bytes:
    """A `.keras` file with this configuration."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as out:
        out.writestr(
            zipfile.ZipInfo("metadata.json"),
            json.dumps({"keras_version": "3.11.3", "date_saved": "2025-10-01@10:00:00"}),
        )
        out.writestr(zipfile.ZipInfo("config.json"), encode(json.dumps(value)))
    return memory.getvalue()


def hdf5(**attributes: Any) -> bytes:
    """A file as the HDF5 format of Keras has it."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as out:
        out.create_group("model_weights")
        for name, value in attributes.items():
            out.attrs[name] = json.dumps(value)
    return memory.getvalue()


def at(value: Any) -> FileReport:
    """The report on a `.keras` file; the same is found in an architecture as plain JSON and in an HDF5 file."""
    report = look_at(archive(value), "model.keras")
    for other in (
        look_at(json.dumps(value).encode(), "model.json"),
        look_at(hdf5(model_config=value), "model.h5"),
        look_at(json.dumps([{"class_name": "Dense", "config": {}}, {"x": value}]).encode(), "x"),
    ):
        assert ours(other) == ours(report)
    return report


def ours(report: FileReport) -> set[str]:
    """The ids of this layer: others may look at the same text."""
    return {name for name in ids(report) if name.startswith(("MDL", "CHK"))}


# Benign models


@pytest.mark.parametrize(
    "name", ["keras_sequential.keras", "keras_functional.json", "keras_sequential.h5", "keras_custom.keras"]
)
def test_real_models(name: str) -> None:
    report = look_at(stored(name), name)
    assert "keras" in report.formats
    assert ids(report) == ({"MDL072"} if "custom" in name else set())


V3 = model(
    layer("Dense", units=4, activation="relu", kernel_initializer=layer("GlorotUniform", "keras.initializers")),
    layer("Bidirectional", layer=layer("LSTM", units=3), merge_mode="concat"),
    layer("TimeDistributed", layer=layer("Conv2D", filters=3, kernel_regularizer=layer("L2", "keras.regularizers"))),
    layer("Normalization", mean=None, axis=[-1]),
    layer("StringLookup", vocabulary=["a", "b"], mask_token=None, oov_token="[UNK]"),
    layer("TextVectorization", vocabulary=None, standardize="lower_and_strip_punctuation"),
    layer("Activation", activation=function("gelu", "keras.activations")),
    layer("Lambda", function=function("relu6", "keras.ops"), arguments={}),
    layer("Lambda", function=function("preprocess_input", "keras.src.applications.resnet"), arguments={}),
    layer("Functional", "keras.src.models.functional", layers=[layer("Dropout", rate=0.1)]),
    layer("Add", "keras.src.ops.numpy"),
    layer("BertBackbone", "keras_hub.src.models.bert.bert_backbone", vocabulary_size=30522),
    {"class_name": "__keras_tensor__", "config": {"shape": [None, 2], "keras_history": ["a", 0, 0]}},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "float32"}},
    {"class_name": "__tensor__", "config": {"value": [1], "dtype": "float32"}},
    {"class_name": "__slice__", "config": {"start": 0, "stop": None, "step": None}},
    {"class_name": "__ellipsis__", "config": {}},
    {
        "class_name": "__typespec__",
        "spec_name": "TensorSpec",
        "module": "tensorflow.python.framework.tensor",
        "config": [[None], "float32"],
        "registered_name": None,
    },
    compile_config={
        "optimizer": layer(
            "Adam", "keras.optimizers", learning_rate=layer("CosineDecay", "keras.optimizers.schedules")
        ),
        "loss": {"module": "builtins", "class_name": "function", "config": "mse", "registered_name": "function"},
        "metrics": [
            "accuracy",
            layer("MeanMetricWrapper", "keras.metrics", fn=function("binary_accuracy", "builtins")),
        ],
    },
)
V2 = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "layers": [
            old("InputLayer", batch_input_shape=[None, 4], sparse=False),
            old("Dense", units=3, kernel_initializer=old("VarianceScaling", scale=1.0)),
            old("Bidirectional", layer=old("LSTM", units=3)),
            old("CuDNNGRU", units=3),
            old("TFOpLambda", function="math.add"),
            old("SlicingOpLambda", function="__operators__.getitem"),
            old("TensorFlowOpLayer", node_def='{"name": "Add", "op": "AddV2", "input": ["a", "b"]}', constants={}),
            old("Reshape", target_shape={"class_name": "__tuple__", "items": [1, 2]}),
            {"class_name": "Policy", "config": {"name": "mixed_float16"}},
            old("Lambda", function="relu", function_type="function", output_shape=[3], output_shape_type="raw"),
        ],
        "input_layers": [["input_1", 0, 0]],
    },
    "keras_version": "2.4.0",
    "backend": "tensorflow",
}
TRAINING = {
    "loss": {"class_name": "SparseCategoricalCrossentropy", "config": {"reduction": "auto", "from_logits": True}},
    "metrics": [[old("MeanMetricWrapper", fn="sparse_categorical_accuracy")]],
    "optimizer_config": {"class_name": "Custom>Adam", "config": {"learning_rate": 0.001}},
}


@pytest.mark.parametrize("value", [V3, V2, TRAINING])
def test_ordinary_configurations_are_clean(value: Any) -> None:
    report = look_at(json.dumps(value).encode(), "architecture.json")
    assert report.formats[0] == "keras"
    assert not report.findings
    assert not severe(look_at(archive(value), "model.keras"))
    assert not severe(look_at(hdf5(model_config=value, training_config=TRAINING), "model.h5"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config.json", {"model_type": "bert", "architectures": ["BertModel"], "text_config": {}, "auto": "keras"}),
        ("package.json", {"name": "x", "config": {"port": 1}, "scripts": {"a": "b"}}),
        ("tokenizer.json", {"model": {"vocab": {"class_name": 1, "config": 2}, "merges": ["\u0120 a"]}}),
        ("model_index.json", {"_class_name": "StableDiffusionPipeline", "config": {}}),
        ("settings.json", {"plugins": [{"class_name": "Reader", "config": {"path": "/x"}, "module": "app.reader"}]}),
        ("labels.json", [{"class_name": "dog", "config": "a"}, {"class_name": "cat", "config": "b"}]),
    ],
)
def test_other_json_is_none_of_our_business(name: str, value: Any) -> None:
    assert not any(finding.id.startswith("MDL07") for finding in look_at(json.dumps(value).encode(), name).findings)
    lines = "\n".join([json.dumps(value)] * 3).encode()
    assert not ids(look_at(lines, "data.jsonl")) & {"CHK001", "CHK002", "MDL072", "MDL076"}


# MDL070: byte code

LAMBDAS = [
    layer("Lambda", function={"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}),
    layer("Lambda", function={"class_name": "__lambda__", "config": {"value": [CODE, None, None]}}),
    layer("layers.Lambda", "keras", function=[CODE, None, None]),
    layer("Lambda", "keras.src.layers.core.lambda_layer", function=function("relu", "keras.ops"), output_shape=[CODE]),
    old("Lambda", function=[CODE, None, None], function_type="lambda"),
    old("Lambda", function={"class_name": "__tuple__", "items": [CODE, None, None]}, function_type="lambda"),
    old("Lambda", function=CODE, function_type="lambda"),
    old("Lambda", function=CODE),
    old("Lambda", function="f", output_shape=[CODE, None, None], output_shape_type="lambda"),
    layer("Dense", activation={"class_name": "__lambda__", "config": {"value": CODE}}),
    {**old("Lambda", function=[CODE, None, None]), "module": None, "registered_name": "keras>Dense"},
]


@pytest.mark.parametrize("value", LAMBDAS)
def test_mdl070_bad_byte_code(value: Any) -> None:
    report = at(model(value))
    assert "MDL070" in ids(report)
    hit = next(f for f in report.findings if f.id == "MDL070")
    assert "mentions" in hit.message
    assert "system" in hit.message


@pytest.mark.parametrize("wrapper", ["TimeDistributed", "Bidirectional", "RNN", "Wrapper"])
def test_mdl070_bad_inside_wrappers_and_sub_models(wrapper: str) -> None:
    nested: Any = LAMBDAS[0]
    for _ in range(40):
        nested = layer(wrapper, layer=model(nested))
    assert ids(at(nested)) == {"MDL070"}


def test_mdl070_bad_in_compile_config_and_shadowed_key() -> None:
    assert "MDL070" in ids(at(model(compile_config={"loss": {"class_name": "__lambda__", "config": {"value": CODE}}})))
    text = '{"class_name": "Sequential", "config": %s, "config": {"layers": []}}' % json.dumps({"l": LAMBDAS[0]})  # noqa: UP031
    assert ids(look_at(text.encode(), "m.json")) == {"MDL070"}


def test_mdl070_good_named_functions() -> None:
    assert not at(model(layer("Lambda", function=function("relu", "keras.activations")))).findings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_encodings_hide_nothing(encoding: str) -> None:
    data = archive(model(LAMBDAS[0]), lambda text: text.encode(encoding))
    assert "MDL070" in ids(look_at(data, "model.keras"))


@pytest.mark.parametrize("padding", [5_000, 70_000, 3_000_000])
def test_padding_and_escapes_hide_nothing(padding: int) -> None:
    text = json.dumps(model(LAMBDAS[0]))
    assert ids(look_at(b" \n" * padding + text.encode(), "x")) == {"MDL070"}
    assert ids(look_at(('{"pad": "' + "x" * padding + '", ' + text[1:]).encode(), "x")) == {"MDL070"}
    escaped = text.replace("class_name", "\\u0063las\\u0073\\u005Fname").replace('"config"', '"conf\\u0069g"')
    assert ids(look_at(('{"pad": "' + "x" * padding + '", ' + escaped[1:]).encode(), "x")) == {"MDL070"}


# MDL071: what acts


@pytest.mark.parametrize(
    "value",
    [
        function("system", "os"),
        function("Popen", "subprocess"),
        function("eval", "builtins"),
        function("__import__", "builtins"),
        function("import_module", "importlib"),
        function("get_file", "keras.utils"),
        function("utils.get_file", "keras"),
        function("get_file", "keras.src.utils.file_utils"),
        function("extract_open_archive", "keras.src.utils.file_utils"),
        function("enable_unsafe_deserialization", "keras.config"),
        function("load_model", "keras.models"),
        function("func_load", "keras.src.utils.python_utils"),
        function("deserialize_keras_object", "keras.saving"),
        function("read_file", "tensorflow.python.ops.io_ops"),
        function("py_function", "tensorflow"),
        layer("get_file", "keras.utils"),
        layer("system", "posix"),
        layer("Thread", "threading"),
        {"module": "os", "class_name": "system", "config": {}},
        {"class_name": "__typespec__", "spec_name": "system", "module": "os", "config": [], "registered_name": None},
    ],
)
def test_mdl071_bad_acting_reference(value: Any) -> None:
    report = at(model(layer("Lambda", function=value, arguments={"origin": "https://example.org/x"})))
    assert ids(report) == {"MDL071"}
    assert look_at(json.dumps(value).encode(), "config.json").findings


def test_mdl071_good_functions_of_keras() -> None:
    for value in (
        function("relu", "keras.ops"),
        function("to_categorical", "keras.utils"),
        function("max", "keras.ops"),
    ):
        assert not at(model(layer("Lambda", function=value))).findings


# MDL072, MDL076: code that is not in the file


@pytest.mark.parametrize(
    "value",
    [
        layer("Attention", "my_package.layers"),
        function("loss", "my_package.losses"),
        {"module": None, "class_name": "My", "config": {}, "registered_name": "mine>My"},
        old("mine>My"),
        old("Custom>MyLayer"),
        function("strange", "keras.visualization"),
        layer("VGG16", "keras.applications.vgg16", weights="/tmp/x.h5"),
        layer("X", "tensorflow.kerasevil"),
        layer("X", "kerasy.layers"),
    ],
)
def test_mdl072_bad_custom_code(value: Any) -> None:
    report = at(model(value))
    assert ids(report) == {"MDL072"}
    assert all(finding.holds for finding in report.findings)


def test_mdl072_bad_alone_in_a_keras_file() -> None:
    assert "MDL072" in ids(look_at(archive({"module": "evil", "class_name": "f", "config": {}}), "model.keras"))


def test_mdl072_good_registered_by_keras_itself() -> None:
    value = {"module": None, "class_name": "X", "config": {}, "registered_name": "keras_hub>BertBackbone"}
    assert not at(model(value, old("Custom>Adam"))).findings


@pytest.mark.parametrize("value", [old("MyLayer"), function("my_loss", "builtins"), function("f", None)])
def test_mdl076_bad_bare_name(value: Any) -> None:
    report = at(model(value))
    assert ids(report) == {"MDL076"}
    assert not severe(report)


def test_mdl076_good_known_names() -> None:
    assert not at(model(old("Dense"), function("mse", "builtins"))).findings


# MDL073 to MDL077: layers that fetch


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization", "WordPieceTokenizer"])
@pytest.mark.parametrize("path", ["/etc/passwd", "vocab.txt", "http://169.254.169.254/latest/", "gs://b/x"])
def test_mdl073_bad_vocabulary_path(name: str, path: str) -> None:
    module = "keras_hub.src.tokenizers" if "Tokenizer" in name else "keras.layers"
    report = at(model(layer("TimeDistributed", layer=layer(name, module, vocabulary=path))))
    assert ids(report) == {"MDL073"}
    assert path in report.findings[0].message


def test_mdl073_bad_behind_many_other_entries() -> None:
    crowd = {f"k{number}": "x" for number in range(500)}
    assert ids(at(model(layer("StringLookup", **crowd, vocabulary="/etc/passwd")))) == {"MDL073"}


def test_mdl073_good_vocabulary_in_the_file() -> None:
    assert not at(model(layer("StringLookup", vocabulary=["a"]), layer("TextVectorization", vocabulary=None))).findings


def test_mdl074_bad_torch_module() -> None:
    pickle = base64.b64encode(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.").decode()
    wrapper = layer("TorchModuleWrapper", output_shape=None)
    wrapper["config"]["module"] = pickle
    report = at(model(wrapper))
    assert ours(report) == {"MDL074", "MDL001"}
    assert "config.json!config.layers[1].config.module" in {f.where.member for f in report.findings}


def test_mdl074_good_no_torch_module() -> None:
    assert "MDL074" not in ids(at(V3))


@pytest.mark.parametrize(
    "value",
    [
        old("TFOpLambda", function="io.write_file"),
        old("TFOpLambda", function="io.read_file"),
        old("TFOpLambda", function="raw_ops.ReadFile"),
        old("TFOpLambda", function="numpy_function"),
        old("TensorFlowOpLayer", node_def='{"name": "a", "op": "WriteFile"}'),
        old("TensorFlowOpLayer", node_def='name: "a"\nop: "PyFunc"\n'),
        old("TensorFlowOpLayer", node_def={"name": "a", "op": "MatchingFiles"}),
        layer("TFOpLambda", "keras.src.layers.core.tf_op_layer", function="io.matching_files"),
    ],
)
def test_mdl075_bad_operation_on_files(value: Any) -> None:
    assert ids(at(model(value))) == {"MDL075"}


def test_mdl075_good_arithmetic() -> None:
    assert not at(
        model(old("TFOpLambda", function="math.reduce_mean"), old("TFOpLambda", function="io.decode_jpeg"))
    ).findings


def test_mdl077_bad_saved_model() -> None:
    report = at(model(layer("TFSMLayer", filepath="/tmp/evil", call_endpoint="serve")))
    assert ids(report) == {"MDL077"}
    assert "/tmp/evil" in report.findings[0].message


def test_mdl077_good_plain_layers() -> None:
    assert not at(model(layer("Dense"))).findings


# Broken and hostile documents


@pytest.mark.parametrize(
    "text",
    [
        '{"class_name": "Sequential", "config": {"keras": 1}',
        '{"class_name": "Sequential", "config": {}, "registered_name": nul}',
        json.dumps(model()) + " trailing",
        json.dumps(model()) + json.dumps(model()),
        '{"class_name": "Dense", "config": {"keras_x": %s}}' % ("1" * 5000),
    ],
)
def test_broken_documents_hold(text: str) -> None:
    assert ids(look_at(text.encode(), "x.json")) == {"CHK002"}


def test_deep_documents_hold() -> None:
    text = '{"class_name": "Dense", "config": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert ids(look_at(text.encode(), "x.json")) == {"CHK003"}


def test_invalid_text_holds() -> None:
    data = json.dumps(model()).encode().replace(b"Sequential", b"\xff\xfeSequ")
    assert ids(look_at(data, "x.json")) == {"CHK002"}


def test_too_many_values_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "NODES", 100)
    assert ids(look_at(json.dumps(V3).encode(), "x.json")) == {"CHK003"}


def test_more_white_space_than_is_read_holds() -> None:
    data = b" " * (101 << 20) + json.dumps(model(LAMBDAS[0])).encode()
    assert "CHK003" in ids(look_at(data, "config.json"))


@pytest.mark.parametrize(
    "value",
    [
        {"class_name": ["x"], "config": {}},
        {"class_name": "Lambda", "config": None},
        {"class_name": "Lambda", "config": {"function": []}},
        {"class_name": "Lambda", "config": {"function": [["x"]]}},
        {"class_name": "__lambda__", "config": 5},
        {"class_name": "__lambda__", "config": {"code": {"code": {"code": {"code": {"code": []}}}}}},
        {"class_name": "function", "config": {"a": 1}, "module": 5},
        {"class_name": "", "config": {}, "module": "", "registered_name": ""},
        {"class_name": "...", "config": {}, "module": "..", "registered_name": ">"},
        {"class_name": "TensorFlowOpLayer", "config": {"node_def": ["op"]}},
        {"class_name": "TorchModuleWrapper", "config": {"module": "\u00e9!"}},
        {"class_name": "\ud800", "config": {"\udfff": "\ud800"}, "module": "\ud800"},
    ],
)
def test_strange_shapes_do_not_crash(value: Any) -> None:
    assert "CHK001" not in ids(look_at(archive(model(value)), "model.keras"))
    assert "CHK001" not in ids(look_at(json.dumps([value]).encode(), "config.json"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([CODE, "os", "keras", "x>y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["class_name", "config", "module", "registered_name", "function", "node_def", "items", "code"]
            ),
            inner,
            max_size=5,
        )
        | st.fixed_dictionaries(
            {
                "class_name": st.sampled_from(["Lambda", "__lambda__", "function", "TorchModuleWrapper", "A.b"]),
                "config": inner,
            }
        )
    ),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_json_is_reported_on(value: Any) -> None:
    text = json.dumps({"class_name": "Model", "config": value})
    assert "CHK001" not in ids(look_at(text.encode(), "config.json"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=6), st.integers(0, 2000))
def test_damaged_json_is_reported_on(patch: bytes, offset: int) -> None:
    data = bytearray(json.dumps(V3).encode())
    data[offset : offset + len(patch)] = patch
    assert "CHK001" not in ids(look_at(bytes(data), "config.json"))


@pytest.mark.parametrize(
    "value",
    [
        old("TFOpLambda", function="data.TextLineDataset"),
        old("ClassMethod", cls_symbol="io.gfile.GFile", method_name="write"),
        old("TFOpLambda", function="py_function"),
    ],
)
def test_mdl078_bad_more_than_computing(value: Any) -> None:
    assert ids(at(model(value))) & {"MDL075", "MDL078"}


def test_mdl078_good_arithmetic() -> None:
    assert not at(model(old("TFOpLambda", function="math.add"), old("TFOpLambda", function="concat"))).findings


def test_mdl071_bad_through_parts_of_keras() -> None:
    named = old("Lambda", function="popen", function_type="function")
    named["config"]["module"] = "os"
    for value in (
        layer("Lambda", function=function("system", "keras.src.ops.os")),
        layer("Lambda", function=function("save_v2", "tensorflow.python.ops.io_ops")),
        layer("Lambda", function=function("exec", None)),
        named,
    ):
        assert "MDL071" in ids(at(model(value)))


def test_mdl070_bad_other_documents() -> None:
    value = model(old("Lambda", function=[CODE, None, None], function_type="lambda"))
    assert "MDL070" in ids(look_at(json.dumps(json.dumps(value)).encode(), "model.json"))
    text = (
        "backend: tensorflow\nclass_name: Sequential\nconfig:\n  layers:\n  - class_name: Lambda\n    config: &c\n"
        f"      function: ['{CODE.strip()}', null, null]\n      function_type: lambda\n      again: *c\nkeras_version: 2.1\n"
    )
    assert "MDL070" in ids(look_at(text.encode(), "model.yaml"))


def test_mdl070_good_yaml() -> None:
    text = (
        "class_name: Sequential\nconfig:\n  layers:\n  - class_name: Dense\n    config: {units: 1, activation: relu}\n"
    )
    assert look_at(text.encode(), "model.yaml").findings == ()
    assert look_at(b"class_name: foo\nconfig: {a: 1}\n", "other.yaml").findings == ()


def test_mdl070_bad_yaml_that_names_itself() -> None:
    """An alias may lead back to the object around it, which then is its own configuration."""
    text = f"&c\nclass_name: Lambda\nfunction: ['{CODE.strip()}', null, null]\nfunction_type: lambda\nconfig: *c\n"
    assert "MDL070" in ids(look_at(text.encode(), "model.yaml"))


def test_mdl070_bad_yaml_that_merges() -> None:
    base = f"base: &b\n  config:\n    function: ['{CODE.strip()}', null, null]\n    function_type: lambda\n"
    for merge in ("<<: *b", "<<: [*b]", "<<: [{x: 1}, *b]"):
        text = f"{base}layers:\n- {{class_name: Lambda, {merge}}}\n"
        assert "MDL070" in ids(look_at(text.encode(), "model.yaml")), merge


def test_yaml_that_multiplies_is_read_once() -> None:
    rows = "".join(f"b{i}: &x{i} [*x{i - 1}, *x{i - 1}]\n" for i in range(1, 60))
    text = f"a: &x0 {{class_name: Lambda, config: {{function: ['{CODE.strip()}'], function_type: lambda}}}}\n{rows}"
    assert "MDL070" in ids(look_at(text.encode(), "model.yaml", Limits(seconds=20)))
    shared = f"class_name: Model\nconfig:\n  x: &x [{'1,' * 80_000}]\n  y: [{'*x,' * 9_000}]\n"
    assert "CHK003" not in ids(look_at(shared.encode(), "model.yaml", Limits(seconds=20)))


def test_yaml_merges_are_bounded() -> None:
    keys = ",".join(f"k{i}: 1" for i in range(2_000))
    text = f"class_name: Model\nconfig:\n  x: &x {{{keys}}}\n  y: [{'{<<: *x},' * 2_000}]\n"
    assert "CHK003" in ids(look_at(text.encode(), "model.yaml"))


def test_a_configuration_that_only_we_cannot_read_holds() -> None:
    """Python before 3.10.7 reads a number of any length."""
    text = json.dumps(model(old("Lambda", function=[CODE, None, None], function_type="lambda")))
    data = b" " * (1 << 20) + b'{"x": ' + b"1" * 5_000 + b", " + text.encode()[1:]
    assert "CHK002" in ids(look_at(data, "config.json"))
