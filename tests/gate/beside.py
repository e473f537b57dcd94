"""What only shows beside something else: a template beside its base's, a graph beside its weights, scripts beside a model.

Also the files of other frameworks that lie in such folders: TFRecord, MXNet, ncnn.
"""

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
from onnx import TensorProto, helper

from tests.gate.case import Case
from tests.gate.repositories import BERT, BODIES, folder
from tests.model.bypasses import INNER
from tests.model.test_data_files import ARRAYS, ELF, EXAMPLE, NETWORK, ROWS, array, params, row, symbol
from tests.model.test_loose import HIDDEN, SHELL, TRAINING
from tests.model.test_onnx import described
from tests.model.test_onnx import model as onnx_model
from tests.model.test_template_difference import BASE, HEARS, OTHER, SAME, SAYS, quant

SETTINGS = {"tokenizer_class": "Qwen2Tokenizer", "chat_template": BASE}


def cases() -> Iterator[Case]:
    yield from _templates()
    yield from _onnx()
    yield from _repositories()
    yield from _others()


def _templates() -> Iterator[Case]:
    for name, text in HEARS.items():
        yield _quantized(f"h-template-of-base/{name}", BASE + text, "deny")
    for name, text in SAYS.items():
        yield _quantized(f"h-template-of-base/{name}", BASE + text, "hold")
    for name, text in HEARS.items():
        files: dict[str, object] = {"m-Q4_K_M.gguf": quant(BASE), "m-Q8_0.gguf": quant(BASE + text)}
        yield folder(f"one quantization, {name}", {**files, "m-F16.gguf": quant(BASE)})
    says = BASE + SAYS["a sentence"]
    yield folder("one of two quantizations", {"m-Q4_0.gguf": quant(says), "m-Q8_0.gguf": quant(BASE)}, "hold")
    yield folder(
        "the template that is used", {"tokenizer_config.json": SETTINGS, "chat_template.jinja": says.encode()}, "hold"
    )


def _quantized(name: str, template: str, outcome: str) -> Case:
    files = {"tokenizer_config.json": json.dumps(SETTINGS).encode(), "Q4_K_M/m-Q4_K_M.gguf": quant(template)}
    return Case(name, files, "", outcome)


def _onnx() -> Iterator[Case]:
    def case(name: str, made: object, outcome: str, **more: bytes) -> Case:
        data = made if isinstance(made, bytes) else made.SerializeToString()  # type: ignore[attr-defined] # a model of onnx
        return Case(f"h-onnx/{name}", {"model.onnx": data, **more}, "", outcome)

    def of(kind: int, **values: object) -> TensorProto:
        return TensorProto(name="w", data_type=kind, **values)

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr(zipfile.ZipInfo("x.py"), "import os")
    archive = packed.getvalue()
    shifted = described(offset="4096")
    yield case("external data is missing", described(), "hold")
    yield case("external data of another name", described(), "hold", **{"W.bin": bytes(4096)})
    yield case("more than the external data", described(), "hold", **{"w.bin": bytes(4096) + INNER + bytes(1 << 18)})
    yield case("a program in external data", shifted, "deny", **{"w.bin": bytes(4096) + ELF})
    for operator in ("Evil", "Snpe", "AttentionV2"):
        node = helper.make_node(operator, ["x"], ["y"], domain="com.microsoft")
        yield case(f"{operator} in the domain of onnxruntime", onnx_model([node], domains=["com.microsoft"]), "hold")
    yield case("a program in raw data", onnx_model(initialisers=[of(2, dims=[4096], raw_data=ELF)]), "deny")
    yield case("a program in a text", onnx_model(initialisers=[of(8, dims=[1], string_data=[ELF])]), "deny")
    yield case("a program in an attribute", onnx_model([helper.make_node("Relu", ["x"], ["y"], note=ELF)]), "deny")
    pickled = onnx_model(initialisers=[of(2, dims=[len(INNER) + 64], raw_data=INNER + bytes(64))])
    yield case("a pickle in raw data", pickled, "deny")
    yield case(
        "an archive in raw data", onnx_model(initialisers=[of(2, dims=[len(archive)], raw_data=archive)]), "hold"
    )
    constant = helper.make_node("Constant", [], ["y"], value=of(2, dims=[4096], raw_data=ELF))
    yield case("a program in a constant", onnx_model([constant]), "deny")


def _repositories() -> Iterator[Case]:
    for base in ("../..", "../../other/base", "/tmp/base", "\\\\host\\share\\base"):
        settings = {"peft_type": "LORA", "base_model_name_or_path": base}
        yield folder(f"base of an adapter, {base}", {"adapter_config.json": settings}, "hold")
    for name, body in HIDDEN.items():
        yield folder(f"a script that nothing names, {name}", {"config.json": BERT, "tools/prepare.py": body}, "hold")
    for name, text in SHELL.items():
        yield folder(f"a shell script, {name}", {"config.json": BERT, "setup.sh": text.encode()}, "hold")


def _others() -> Iterator[Case]:
    def case(name: str, file: str, content: bytes, outcome: str = "hold") -> Case:
        return Case(f"h-other/{name}", {file: content}, "", outcome)

    yield case("rows that go on", "train.tfrecord", ROWS + bytes(100))
    yield case("a program as a row", "train.tfrecord", row(EXAMPLE) + row(ELF), "deny")
    yield case("an array that is a program", "m-0000.params", params(array(ELF, (4096,), 5), names=("arg:w",)), "deny")
    yield case("bytes after the arrays", "m-0000.params", ARRAYS + INNER)
    yield case("an operator in Python", "m-symbol.json", symbol(("Custom", {"op_type": "theirs"})))
    yield case("an operator by its address", "m-symbol.json", symbol(("_Native", {"info": "140221"})))
    yield case("a layer that ncnn has not", "m.param", NETWORK.replace(b"Softmax", b"Theirs"))
    yield Case("h-other/a program in weights of ncnn", {"m.param": NETWORK, "m.bin": bytes(4) + ELF})


def honest() -> Iterator[Case]:
    """Of each of these what people have and nobody should hear of."""
    for name, template in {**SAME, **OTHER}.items():
        yield _quantized(f"benign-beside/template, {name}", template, "allow")
    quants = {f"m-{kind}.gguf": quant(BASE) for kind in ("Q4_K_M", "Q8_0", "F16")}
    yield _honest("quantizations", quants)
    yield _honest("two models", {"a.gguf": quant(BASE, "A"), "b.gguf": quant("{{ x }} Say it.", "B")})
    weights = np.random.default_rng(3).normal(size=1024).astype("<f4").tobytes()
    yield _honest("onnx with data", {"m.onnx": described(), "w.bin": weights})
    two = {"a.onnx": described(), "b.onnx": described(offset="4096"), "w.bin": weights * 2}
    yield _honest("two graphs over one file", two)
    nodes = [
        helper.make_node(kind, ["x"], [f"y{kind}"], domain="com.microsoft")
        for kind in (
            "GroupQueryAttention",
            "MatMulNBits",
            "SkipSimplifiedLayerNormalization",
            "QLinearConv",
            "FusedMatMul",
        )
    ]
    made = onnx_model(
        [*nodes, helper.make_node("SimplifiedLayerNormalization", ["x"], ["y"])], domains=["com.microsoft"]
    )
    yield _honest("onnxruntime's own", {"m.onnx": made.SerializeToString()})
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "/home/me/models/llama"}
    yield _honest("an adapter of the trainer's disk", {"adapter_config.json": json.dumps(adapter).encode()})
    scripts = {
        "config.json": json.dumps(BERT).encode(),
        "train.py": TRAINING.encode(),
        "scripts/convert.py": BODIES["ctypes"],
        "run.sh": b'set -eu\nexport CUDA_VISIBLE_DEVICES=0\ntorchrun --nproc 8 train.py "$@" | tee log.txt\n',
        "install.sh": b"curl -LsSf https://astral.sh/uv/install.sh | sh\nuv pip install -r requirements.txt\n",
    }
    yield _honest("training scripts", scripts)
    yield _honest("rows", {"train-00000-of-00002": ROWS, "val.tfrecord": ROWS})
    graph = symbol(("Convolution", {"kernel": "(3, 3)"}), ("SoftmaxOutput", {}))
    yield _honest("mxnet", {"m-symbol.json": graph, "m-0000.params": ARRAYS})
    yield _honest("ncnn", {"m.param": NETWORK, "m.bin": weights})


def _honest(name: str, files: dict[str, bytes]) -> Case:
    return Case(f"benign-beside/{name}", files, outcome="allow")
