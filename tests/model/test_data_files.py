"""TFRecord, MXNet and ncnn: known by content, followed to the end, and judged by what they carry."""

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.model.formats.passive import masked_crc32c
from tests.conftest import ids, look_at, look_at_folder, severe

ELF = (
    b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
)
ELF += bytes(range(1, 127)) * 32
ELF = ELF.ljust(4096, b"\0")
"""A header by the book, and no program."""


def row(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def array(data: bytes, shape: tuple[int, ...], kind: int = 0, magic: int = 0xF993FAC9) -> bytes:
    head = struct.pack("<I", magic) + (b"" if magic == 0xF993FAC8 else bytes(4))
    return head + struct.pack(f"<I{len(shape)}q3i", len(shape), *shape, 1, 0, kind) + data


def params(*arrays: bytes, names: tuple[str, ...] = ()) -> bytes:
    listed = b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)
    return struct.pack("<3Q", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", len(names)) + listed


def symbol(*operators: tuple[str, dict[str, str]]) -> bytes:
    nodes = [{"op": "null", "name": "data", "inputs": []}]
    nodes += [
        {"op": op, "name": f"n{n}", "attrs": attrs, "inputs": [[0, 0, 0]]} for n, (op, attrs) in enumerate(operators)
    ]
    return json.dumps({"nodes": nodes, "arg_nodes": [0], "node_row_ptr": [0], "heads": [[1, 0, 0]]}).encode()


EXAMPLE = bytes.fromhex("0a0f0a0d0a017812081a060a040102030a")
ROWS = b"".join(row(EXAMPLE * n) for n in range(1, 5))
ARRAYS = params(array(bytes(24), (2, 3)), array(bytes(16), (4,), magic=0xF993FAC8), names=("arg:w", "aux:b"))
NETWORK = b"7767517\n3 3\nInput data 0 1 data\nConvolution conv 1 1 data a 0=8 1=3\nSoftmax prob 1 1 a b 0=0\n"


def test_crc_is_that_of_the_specification() -> None:
    assert masked_crc32c(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("train.tfrecord", ROWS, "tfrecord"),
        ("train-00000-of-00010", ROWS, "tfrecord"),
        ("model-0000.params", ARRAYS, "mxnet"),
        ("model-symbol.json", symbol(("FullyConnected", {"num_hidden": "10"})), "mxnet-symbol"),
        ("model.param", NETWORK, "ncnn"),
    ],
)
def test_honest_ones_are_clean(name: str, data: bytes, form: str) -> None:
    report = look_at(data, name)
    assert form in report.formats
    assert severe(report) == []
    assert not report.byte_map.unexplained


@pytest.mark.parametrize(("name", "data"), [("a.tfrecord", ROWS), ("a.params", ARRAYS)])
def test_cut_or_lengthened_ones_hold(name: str, data: bytes) -> None:
    for cut in [*range(16, len(data)), len(data) + 1, len(data) + 100]:
        report = look_at(data[:cut].ljust(cut, b"x"), name)
        whole_rows = name.endswith("tfrecord") and cut in {16 * n + 17 * sum(range(1, n + 1)) for n in range(1, 5)}
        assert whole_rows or any(f.holds for f in report.findings), cut


@given(st.sampled_from([ROWS, ARRAYS, NETWORK, symbol(("Custom", {}))]), st.integers(0, 400), st.binary(max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_report(data: bytes, at: int, patch: bytes) -> None:
    at %= len(data)
    for name in ("x.tfrecord", "x.params", "x-symbol.json", "x.param"):
        assert "CHK001" not in ids(look_at(data[:at] + patch + data[at + len(patch) :], name))


def test_programs_in_arrays_and_rows_are_found() -> None:
    assert "MDL222" in ids(look_at(params(array(ELF, (4096,), 5), names=("arg:w",)), "a.params"))
    assert "MDL222" in ids(look_at(row(EXAMPLE) + row(ELF), "a.tfrecord"))


@pytest.mark.parametrize("operator", ["Custom", "_Native", "_NDArray", "_CustomFunction", "_TensorRT"])
def test_mdl231_bad_operator(operator: str) -> None:
    report = look_at(symbol((operator, {"op_type": "theirs"})), "m-symbol.json")
    assert [(f.id, f.holds) for f in report.findings] == [("MDL231", True)]


def test_mdl231_bad_operator_in_a_subgraph() -> None:
    graph = json.loads(symbol(("_foreach", {})))
    graph["nodes"][1]["subgraphs"] = [json.loads(symbol(("Custom", {"op_type": "theirs"})))]
    assert "MDL231" in ids(look_at(json.dumps(graph).encode(), "m-symbol.json"))


def test_mdl231_good_operators() -> None:
    report = look_at(symbol(("Convolution", {}), ("CustomLoss", {}), ("BatchNorm", {})), "m-symbol.json")
    assert report.findings == ()


def test_mdl232_bad_layer() -> None:
    report = look_at(NETWORK.replace(b"Softmax", b"YoloV5Focus"), "m.param")
    assert [(f.id, f.holds) for f in report.findings] == [("MDL232", True)]


def test_mdl232_good_layers() -> None:
    assert look_at(NETWORK, "m.param").findings == ()


def test_weights_of_ncnn_are_explained_by_their_network() -> None:
    reports = look_at_folder({"m.param": NETWORK, "m.bin": bytes(100), "other.bin": bytes(100)})
    assert reports["m.bin"].byte_map.data == 100
    assert "other.bin" not in reports
    assert ids(look_at_folder({"m.param": NETWORK, "m.bin": bytes(4) + ELF})["m.bin"]) == {"MDL222"}


def test_a_binary_network_holds() -> None:
    report = look_at((7767517).to_bytes(4, "little") + bytes(60), "m.param.bin")
    assert [f.holds for f in report.findings] == [True]
