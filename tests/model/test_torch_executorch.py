"""ExecuTorch programs (.pte, .ptd), MDL130, MDL131, MDL140, and the flatbuffer reader below them."""

import struct
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.model.flatbuffer import Buffer
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, look_at, severe

REAL = Path(__file__).parent / "real" / "torch"
PLAIN = (REAL / "plain.pte").read_bytes()
XNNPACK = (REAL / "xnnpack.pte").read_bytes()


def buffer(data: bytes) -> Buffer:
    return Buffer(Bytes(data), Budget(monotonic=time.monotonic, spool=FileSpool), "the buffer")


def table(*fields: int) -> bytes:
    """A vtable and a table right behind it, of 32-bit fields."""
    vtable = struct.pack(
        f"<HH{len(fields)}H", 4 + 2 * len(fields), 4 + 4 * len(fields), *(4 + 4 * i for i in range(len(fields)))
    )
    return vtable + struct.pack("<i", len(vtable)) + b"".join(struct.pack("<I", f) for f in fields)


@pytest.mark.parametrize("name", ["plain.pte", "xnnpack.pte", "apart.pte"])
def test_mdl140_good_real_programs_are_allowed(name: str) -> None:
    """Kernels of ExecuTorch alone; a graph for the XNNPACK interpreter."""
    report = look_at((REAL / name).read_bytes(), name)
    assert report.findings == ()
    assert report.formats == ("executorch",)


def test_mdl140_bad_bytes_for_a_backend() -> None:
    for backend in (b"QnnBackendXXXX", b"CoreMLBackendX"):
        report = look_at(XNNPACK.replace(b"XnnpackBackend", backend), "model.pte")
        assert ids(report) == {"MDL140"}
        assert severe(report)


def test_mdl140_bad_a_backends_name_with_other_bytes() -> None:
    assert ids(look_at(XNNPACK.replace(b"XH00", b"\x7fELF"), "model.pte")) == {"MDL140"}


def test_mdl131_bad_an_operator_of_others() -> None:
    assert b"aten::convolution" in PLAIN
    assert ids(look_at(PLAIN.replace(b"aten::convolution", b"mine::convolution"), "model.pte")) == {"MDL131"}


def test_mdl130_bad_an_operator_with_a_file() -> None:
    data = PLAIN.replace(b"\x11\0\0\0aten::convolution", b"\x0f\0\0\0aten::from_file\0\0")
    assert ids(look_at(data, "model.pte")) == {"MDL130"}


def test_truncated_programs_are_never_clean() -> None:
    for end in range(0, len(PLAIN), 7):
        report = look_at(PLAIN[:end], "model.pte")
        assert severe(report), end
        assert "CHK001" not in ids(report)


def test_bytes_behind_the_program_are_not_explained() -> None:
    assert severe(look_at(PLAIN + b"x" * 100, "model.pte"))


def test_a_name_without_a_program_holds() -> None:
    assert severe(look_at(b"\x01\x02\x03" * 20, "model.pte"))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutated_programs_never_crash_the_reader(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PLAIN, XNNPACK])))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert "CHK001" not in ids(look_at(bytes(content), "model.pte"))


def test_external_data_is_values() -> None:
    data = (REAL / "apart.ptd").read_bytes()
    report = look_at(data, "apart.ptd")
    assert report.findings == ()
    assert report.formats == ("executorch",)
    for end in range(8, len(data), 5):
        assert severe(look_at(data[:end], "apart.ptd")), end


def test_a_table_and_its_fields() -> None:
    root = table(7, 0x3F800000)
    data = struct.pack("<I4s", 8 + 8, b"TEST") + root
    found = buffer(data).root(b"TEST")
    assert found.integer(0, "I") == 7
    assert found.scalar(1, "f") == 1.0
    assert found.scalar(5, "i", -1) == -1
    assert found.table(9) is None
    assert found.string(9) is None
    assert found.scalars(9, "i") == ()
    assert list(found.tables(9)) == []
    with pytest.raises(Malformed, match="identifier"):
        buffer(data).root(b"ELSE")


def test_strings_and_vectors() -> None:
    root = table(12, 16)  # offsets from the fields' own places
    start = 8 + 8
    text = struct.pack("<I", 3) + b"abc\0"
    numbers = struct.pack("<I2H", 2, 5, 6)
    data = struct.pack("<I4s", start, b"TEST") + root
    fields = (start + 4, start + 8)
    data = data.ljust(32, b"\0") + text + numbers
    data = data[: fields[0]] + struct.pack("<II", 32 - fields[0], 40 - fields[1]) + data[fields[1] + 4 :]
    found = buffer(data).root()
    assert found.string(0) == "abc"
    assert found.scalars(1, "H") == (5, 6)
    assert found.span(1, 2) == (44, 2)
    with pytest.raises(OverBudget):
        found.scalars(1, "H", most=1)
    with pytest.raises(Malformed, match="more than there is room for"):
        found.span(1, 100)


def test_a_cycle_of_tables_ends() -> None:
    data = struct.pack("<I4s", 16, b"TEST") + table(0, 0)
    data = data[:20] + struct.pack("<I", 0xFFFFFFFC) + data[24:]
    found = buffer(data).root()
    with pytest.raises(Malformed):
        found.table(0)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_buffer_or_malformed(data: bytes) -> None:
    try:
        root = buffer(data).root()
        for field in range(6):
            root.scalars(field, "i")
            list(root.tables(field))
            list(root.strings(field))
    except AssayError:
        pass
