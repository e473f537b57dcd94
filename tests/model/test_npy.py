"""NumPy files: real ones are clean, object arrays are seen as pickles, headers cannot lie."""

import io
import os
import pickle
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe


class Command:
    """Runs a harmless command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("true",)


def saved(array, **options) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # formats 2.0 and 3.0 are said to be new
        np.save(out, array, **options)
    return out.getvalue()


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    raw = header.encode()
    length = struct.pack("<H" if version == (1, 0) else "<I", len(raw))
    return b"\x93NUMPY" + bytes(version) + length + raw + data


def header(descr: object, shape: object = (2,)) -> str:
    return repr({"descr": descr, "fortran_order": False, "shape": shape})


STRUCTURED = np.dtype([("a", "<i4"), ("b", "U5"), ("c", "<f8", (2, 3))])
BENIGN = {
    "float64": saved(np.arange(6.0).reshape(2, 3)),
    "fortran": saved(np.asfortranarray(np.ones((3, 4), np.float32))),
    "scalar": saved(np.float16(1)),
    "empty": saved(np.zeros((0, 5), np.int8)),
    "bool": saved(np.array([True, False])),
    "complex": saved(np.ones(3, np.complex64)),
    "big endian": saved(np.ones(3, ">u2")),
    "unicode": saved(np.array(["one", "zwei"])),
    "bytes": saved(np.array([b"a", b"bcd"])),
    "void": saved(np.zeros(3, "V7")),
    "long double": saved(np.ones(3, np.longdouble)),
    "datetime": saved(np.array(["2024-01-01", "2024-01-02"], "M8[D]")),
    "timedelta": saved(np.array([1, 2], "m8[25s]")),
    "structured": saved(np.zeros(4, STRUCTURED)),
    "aligned": saved(np.zeros(4, np.dtype([("a", "i1"), ("b", "f8")], align=True))),
    "nested": saved(np.zeros(2, np.dtype([("x", [("y", "i2"), ("z", "f4", 3)])]))),
    "unicode field": saved(np.zeros(2, np.dtype([("größe", "f4"), ("日本", "i2")]))),
    "titles": saved(np.zeros(2, np.dtype([(("title", "name"), "f4")]))),
    "quoted field": saved(np.zeros(2, np.dtype([('it\'s "so"\n', "f4")]))),
    "python 2": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2L,), }\n", bytes(16)),
    "other writer": npy('{"descr": "|u1", "fortran_order": False, "shape": (2,), }', b"ab"),
}


@pytest.mark.parametrize("name", BENIGN)
def test_real_files_are_clean(name):
    report = look_at(BENIGN[name], "array.npy")
    assert report.formats == ("npy",)
    assert not report.findings
    assert report.analysed


def test_version_2_header_of_many_fields_is_clean():
    fields = np.dtype([(f"a_rather_long_field_name_{at}", "<f4") for at in range(4_000)])
    data = saved(np.zeros(2, fields))
    assert data[6] == 2
    assert not look_at(data, "array.npy").findings


def test_mdl020_bad_object_array():
    report = look_at(saved(np.array([1, "a", None], dtype=object), allow_pickle=True), "array.npy")
    assert "MDL020" in ids(report)


def test_mdl020_bad_object_field():
    report = look_at(saved(np.zeros(2, np.dtype([("a", "i4"), ("b", "O")])), allow_pickle=True), "array.npy")
    assert "MDL020" in ids(report)


def test_mdl020_good_benign_object_array_is_only_advice():
    assert severe(look_at(saved(np.array([[1, 2], [3]], dtype=object), allow_pickle=True), "array.npy")) == []


def test_mdl020_good_texts():
    assert "MDL020" not in ids(look_at(BENIGN["unicode"], "array.npy"))


def test_pickle_in_an_object_array_is_judged():
    report = look_at(saved(np.array([Command()], dtype=object), allow_pickle=True), "array.npy")
    assert any(f.severity.word == "critical" and f.where.member.startswith("object array") for f in report.findings)


@pytest.mark.parametrize("descr", ["O", "|O8", "=O", [("a", "O")], ("|O", (2,)), [("a", [("b", "|O", (1,))])]])
def test_every_spelling_of_object_is_a_pickle(descr):
    report = look_at(npy(header(descr), pickle.dumps(Command())), "array.npy")
    assert any(f.severity.word == "critical" for f in report.findings)


@pytest.mark.parametrize("text", ["{'descr': 'i4,O', 'fortran_order': False, 'shape': ()}", "dict(descr='O')", "{"])
def test_pickle_under_a_header_that_we_cannot_read_is_still_judged(text):
    report = look_at(npy(text, pickle.dumps(Command())), "array.npy")
    assert "CHK002" in ids(report)
    assert any(f.severity.word == "critical" for f in report.findings)


def test_mdl021_bad_bytes_after_the_array():
    report = look_at(saved(np.ones(3)) + b"payload", "array.npy")
    assert "MDL021" in ids(report)
    assert any("7 bytes" in f.message for f in report.findings)


def test_mdl021_bad_pickle_after_the_array_is_judged():
    report = look_at(saved(np.ones(3)) + pickle.dumps(Command()), "array.npy")
    assert any(f.severity.word == "critical" for f in report.findings)


def test_mdl021_good_arrays_saved_one_after_another():
    assert look_at(saved(np.ones(3)) + saved(np.zeros((2, 2), int)), "array.npy").findings == ()


def test_code_in_ordinary_data_is_data():
    payload = pickle.dumps(Command())
    assert look_at(saved(np.frombuffer(payload, np.uint8)), "array.npy").findings == ()


LIES = {
    "no magic": b"no array",
    "short data": BENIGN["float64"][:-1],
    "version": b"\x93NUMPY\x09\x00\x00\x00",
    "header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"{",
    "shape beyond the file": npy(header("<f8", (1 << 62,))),
    "shape beyond all": npy(header("<f8", (1 << 62, 1 << 62))),
    "many large dimensions": npy(header([("a", "<f8", (1 << 62,) * 64)], (1 << 62,) * 64)),
    "negative shape": npy(header("<f8", (-1,))),
    "shape is no tuple": npy(header("<f8", [2]), bytes(16)),
    "shape in parentheses only": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2)}", bytes(16)),
    "extra key": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': 1}", bytes(16)),
    "key twice": npy("{'descr': '<f8', 'descr': '|O', 'fortran_order': False, 'shape': (2,)}", bytes(16)),
    "call": npy("{'descr': open('x'), 'fortran_order': False, 'shape': (2,)}", bytes(16)),
    "unknown type": npy(header("<q9"), bytes(16)),
    "nested": npy("(" * 100_000, version=(2, 0)),
    "nested lists": npy("{'descr': " + "[" * 5_000 + "]" * 5_000 + "}", version=(2, 0)),
    "many values": npy("[" + "0," * 400_000 + "]", version=(2, 0)),
    "escape": npy("{'descr': '\\U00ffffff', 'fortran_order': False, 'shape': ()}"),
    "not utf-8": b"\x93NUMPY\x03\x00\x04\x00\x00\x00{\xff\xff}",
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_malformed(name):
    found = ids(look_at(LIES[name], "array.npy"))
    assert "CHK002" in found
    assert "CHK001" not in found


@pytest.mark.parametrize("name", ["float64", "structured"])
def test_truncation_at_every_byte_is_seen(name):
    data = BENIGN[name]
    for length in range(len(data)):
        found = ids(look_at(data[:length], "array.npy"))
        assert found, length
        assert "CHK001" not in found


@settings(max_examples=100, deadline=None)
@given(data=st.data(), base=st.sampled_from(sorted(BENIGN)))
def test_mutations_always_give_a_report(data, base):
    raw = bytearray(BENIGN[base])
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert "CHK001" not in ids(look_at(bytes(raw), "array.npy"))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="{}[]()',:\"\\LuxOTrueFalsN0123 ", max_size=80))
def test_any_header_gives_a_report(text):
    assert "CHK001" not in ids(look_at(npy(text, bytes(8)), "array.npy"))
