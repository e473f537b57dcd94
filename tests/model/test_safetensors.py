"""Safetensors: real files are clean; overlaps, holes, duplicates and other lies of the header are findings."""

import base64
import json
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tests.conftest import ids, look_at, severe

PAIR = {"a": np.ones((2, 2), np.float32), "b": np.arange(6, dtype=np.int16)}
REAL = save(PAIR, metadata={"format": "pt", "note": "größe"})


class Command:
    """Runs a harmless command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("true",)


def packed(header: str | dict, data: bytes = b"") -> bytes:
    raw = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def tensor(begin: int, end: int, dtype: str = "U8", shape: list | None = None) -> dict:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def looked(data: bytes):
    report = look_at(data, "model.safetensors")
    assert "CHK001" not in ids(report)
    return report


BENIGN = {
    "real": REAL,
    "empty tensors": save({"a": np.zeros((0, 3), np.float32), "b": np.ones(1, np.float32), "c": np.zeros(0)}),
    "scalar": save({"a": np.array(1.0)}),
    "no tensor": packed("{}"),
    "padded header": packed('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}     ', b"x"),
    "any order": packed({"b": tensor(3, 5), "a": tensor(0, 3)}, b"12345"),
    "metadata null": packed('{"__metadata__":null}'),
    "unknown field": packed({"a": tensor(0, 1) | {"stride": [1]}}, b"x"),
    "spaced": packed('{ "a" : {"dtype" : "U8", "shape": [ ] , "data_offsets":[0,1]} , "__metadata__" : { } }', b"x"),
}


@pytest.mark.parametrize("name", BENIGN)
def test_real_files_are_clean(name):
    report = looked(BENIGN[name])
    assert report.formats == ("safetensors",)
    assert report.findings == ()
    load(BENIGN[name])  # the reference reader agrees


DTYPES = {
    "F64": 8, "I64": 8, "U64": 8, "C64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "F4": 0.5, "F6_E2M3": 0.75, "F6_E3M2": 0.75,
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_mdl036_good_every_dtype_of_the_format(dtype):
    size = int(8 * DTYPES[dtype])
    assert looked(packed({"a": tensor(0, size, dtype, [2, 4])}, bytes(size))).findings == ()


def test_mdl036_bad_unknown_dtype_holds():
    report = looked(packed({"a": tensor(0, 4, "Q9")}, bytes(4)))
    assert [(f.id, f.holds) for f in report.findings] == [("MDL036", True)]


def test_mdl030_bad_overlap():
    data = packed({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12))
    report = looked(data)
    assert ids(report) == {"MDL030"}
    assert "share 4 bytes" in report.findings[0].message
    with pytest.raises(SafetensorError):
        load(data)


def test_mdl030_bad_tensor_within_a_tensor():
    assert "MDL030" in ids(looked(packed({"a": tensor(0, 8), "b": tensor(2, 4), "c": tensor(8, 9)}, bytes(9))))


def test_mdl030_bad_two_names_for_the_same_bytes():
    assert "MDL030" in ids(looked(packed({"a": tensor(0, 8), "b": tensor(0, 8)}, bytes(8))))


def test_mdl030_good_neighbours():
    assert looked(packed({"a": tensor(0, 8), "b": tensor(8, 12)}, bytes(12))).findings == ()


def test_mdl031_bad_hole():
    report = looked(packed({"a": tensor(0, 4), "b": tensor(9, 12)}, bytes(12)))
    assert ids(report) == {"MDL031"}
    assert "5 bytes from offset 4" in report.findings[0].message


def test_mdl031_bad_hole_before_the_first():
    assert "MDL031" in ids(looked(packed({"a": tensor(4, 8)}, bytes(8))))


def test_mdl031_good_empty_tensor_anywhere():
    assert looked(packed({"a": tensor(0, 4), "e": tensor(2, 2), "b": tensor(4, 8)}, bytes(8))).findings == ()


def test_mdl032_bad_trailing():
    assert ids(looked(REAL + b"more")) == {"MDL032"}


def test_mdl032_bad_only_metadata_and_a_payload():
    assert ids(looked(packed("{}", b"payload"))) == {"MDL032"}


def test_mdl032_good_last_tensor_ends_the_file():
    assert "MDL032" not in ids(looked(REAL))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":%s,"a":%s}',
        '{"a":%s,"\\u0061":%s}',
        '{"a":{"dtype":"U8","dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}',
    ],
)
def test_mdl033_bad_key_twice(text):
    entry = json.dumps(tensor(0, 4))
    report = looked(packed(text % (entry, entry) if "%" in text else text, bytes(4)))
    assert ids(report) == {"MDL033"}


def test_mdl033_bad_metadata_twice():
    assert "MDL033" in ids(looked(packed('{"__metadata__":{},"__metadata__":{}}')))


def test_mdl033_good_names_that_differ_in_case():
    assert looked(packed({"a": tensor(0, 1), "A": tensor(1, 2)}, b"xy")).findings == ()


@pytest.mark.parametrize(
    ("shape", "dtype"), [([5], "U8"), ([3], "U8"), ([1 << 62, 1 << 62], "F64"), ([3], "F4"), ([], "F64")]
)
def test_mdl034_bad_shape_and_bytes(shape, dtype):
    assert "MDL034" in ids(looked(packed({"a": tensor(0, 4, dtype, shape)}, bytes(4))))


def test_mdl034_good_scalar():
    assert looked(packed({"a": tensor(0, 8, "F64", [])}, bytes(8))).findings == ()


def with_metadata(text: str) -> bytes:
    return packed({"__metadata__": {"note": text}})


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


ELF = b"\x7fELF\x02\x01\x01" + bytes(120)
PE = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(60)


@pytest.mark.parametrize(
    "text",
    [encoded(ELF), encoded(PE), base64.urlsafe_b64encode(ELF).decode().rstrip("="), "data:x/y;base64," + encoded(ELF)],
)
def test_mdl035_bad_program_in_metadata(text):
    assert "MDL035" in ids(looked(with_metadata(text)))


def test_mdl035_bad_pickle_in_metadata_is_judged():
    report = looked(with_metadata(encoded(pickle.dumps([Command(), "x" * 40]))))
    assert "MDL035" in ids(report)
    assert any(f.severity.word == "critical" for f in report.findings)


@pytest.mark.parametrize(
    "text",
    [
        "TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAA",  # MZ, but no program
        encoded(b"\x89PNG\r\n\x1a\n" + bytes(100)),
        json.dumps({"ss_tag_frequency": {"1_dog": {"dog": 3}}, "code": "import os; os.system('ls')"}),
        "d" * 64,
        "",
        "gASV" + "A" * 60,
    ],
)
def test_mdl035_good_texts(text):
    assert looked(with_metadata(text)).findings == ()


LIES = {
    "empty": b"",
    "short": b"\x08\0\0",
    "header beyond the file": struct.pack("<Q", 100) + b"{}",
    "header of 4 GB": struct.pack("<Q", 1 << 32) + b"{}",
    "header of 2^64": b"\xff" * 8 + b"{}",
    "space before": packed(" {}"),
    "no object": packed("[]"),
    "not json": packed("{x}"),
    "not utf-8": struct.pack("<Q", 4) + b'{"\xff"',
    "comma at the end": packed('{"a":1,}'),
    "no comma": packed('{"__metadata__":{} "a":{}}'),
    "text after": packed("{} {}"),
    "NaN": packed('{"a":NaN}'),
    "number key": packed("{1:2}"),
    "nested": packed('{"a":' + "[" * 200_000),
    "long number": packed('{"a":' + "9" * 5_000 + "}"),
    "metadata of numbers": packed({"__metadata__": {"a": 1}}),
    "metadata list": packed({"__metadata__": []}),
    "entry is no object": packed({"a": []}),
    "no dtype": packed({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"x"),
    "shape of booleans": packed({"a": tensor(0, 1, "U8", [True])}, b"x"),
    "negative shape": packed({"a": tensor(0, 1, "U8", [-1])}, b"x"),
    "many dimensions": packed({"a": tensor(0, 1, "U8", [1] * 100_000)}, b"x"),
    "three offsets": packed({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, b"x"),
    "backwards": packed({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}, b"x"),
    "beyond the file": packed({"a": tensor(0, 9)}, b"x"),
    "beyond 2^64": packed({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1 << 64]}}, b"x"),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_malformed(name):
    assert "CHK002" in ids(looked(LIES[name]))


def test_what_was_seen_before_the_fault_is_reported():
    data = packed({"a": tensor(0, 8), "b": tensor(4, 12), "c": 1}, bytes(12))
    assert ids(looked(data)) == {"MDL030", "CHK002"}


def test_payload_is_not_searched_for_code():
    payload = pickle.dumps(Command())
    assert severe(looked(save({"a": np.frombuffer(payload, np.uint8)}))) == []


def test_many_tensors_are_bounded():
    text = "{" + ",".join(f'"{at}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for at in range(30_000)) + "}"
    assert looked(packed(text)).findings == ()


def test_truncation_at_every_byte_is_seen():
    for length in range(len(REAL)):
        assert ids(looked(REAL[:length])), length


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutations_always_give_a_report(data):
    raw = bytearray(REAL)
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    looked(bytes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 65) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({"dtype": st.sampled_from([*DTYPES, "X"]) | JSON, "shape": JSON, "data_offsets": JSON})


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["__metadata__", "a", "b", ""]), JSON | FIELDS))
def test_any_header_gives_a_report(entries):
    looked(packed(entries, bytes(8)))
