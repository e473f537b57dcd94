"""What became of each byte of a file: the map against painting byte by byte, and on real content."""

import io
import pickle
import struct
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from assaymark.core.blob import Bytes, Slice
from assaymark.core.bytemap import Marks
from tests.conftest import ids, look_at

EXTENTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), max_size=8)


@given(EXTENTS, EXTENTS, EXTENTS, st.integers(0, 40))
def test_the_map_is_what_painting_gives(data: list, unexplained: list, unread: list, size: int) -> None:
    blob = Bytes(bytes(size))
    marks = Marks(blob)
    paint = ["parsed"] * size
    for extents, layer, name in (
        (unread, marks.unread, "unexplained"), (data, marks.data, "data"), (unexplained, marks.unexplained, "unexplained"),
    ):  # fmt: skip
        for offset, length in extents:
            marks.add(layer, blob, offset, length)
            paint[offset : min(offset + length, size)] = [name] * max(0, min(offset + length, size) - offset)
    found = marks.result()
    assert (found.parsed, found.data, found.unexplained) == tuple(map(paint.count, ("parsed", "data", "unexplained")))
    assert found.first == (paint.index("unexplained") if "unexplained" in paint else None)


def test_a_part_of_a_part_lies_where_it_lies_in_the_file() -> None:
    blob = Bytes(bytes(100))
    marks = Marks(blob)
    marks.add(marks.unexplained, Slice(Slice(blob, 10, 50), 5, 20), 3, 4)
    marks.add(marks.data, Bytes(bytes(100)), 0, 100)  # unpacked content is no part of the file
    found = marks.result()
    assert (found.first, found.unexplained, found.data) == (18, 4, 0)


def safetensors(data: bytes, *offsets: tuple[int, int]) -> bytes:
    entries = ",".join(
        f'"t{n}":{{"dtype":"U8","shape":[{b - a}],"data_offsets":[{a},{b}]}}' for n, (a, b) in enumerate(offsets)
    )
    header = f"{{{entries}}}".encode()
    return struct.pack("<Q", len(header)) + header + data


def test_tensors_are_raw_values_and_their_header_is_parsed() -> None:
    content = safetensors(bytes(64), (0, 32), (32, 64))
    found = look_at(content, "model.safetensors").byte_map
    assert (found.parsed, found.data, found.unexplained) == (len(content) - 64, 64, 0)


def test_what_no_tensor_claims_is_unexplained_and_never_clean() -> None:
    content = safetensors(bytes(64), (0, 32), (48, 64))
    report = look_at(content + b"tail", "model.safetensors")
    assert report.byte_map.unexplained == 16 + 4
    assert report.byte_map.first == len(content) - 32
    assert report.findings


def test_a_fault_leaves_what_was_known_of_the_tensors() -> None:
    content = safetensors(bytes(10), (0, 64))
    found = look_at(content, "model.safetensors").byte_map
    assert (found.data, found.parsed) == (10, len(content) - 10)


def test_unknown_binary_content_is_unexplained_and_text_is_not() -> None:
    dark = look_at(b"\x00\x01\x02\x03" * 20, "blob")
    assert (dark.byte_map.unexplained, ids(dark)) == (80, {"CHK005"})
    text = look_at(b"only words\n", "notes.md")
    assert (text.byte_map.data, text.byte_map.unexplained, text.findings) == (11, 0, ())


def test_a_stored_member_counts_in_the_file_that_holds_it() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ok.pkl", pickle.dumps([1, 2]))
        archive.writestr("dark", b"\x00\x01\x02\x03" * 20)
    report = look_at(packed.getvalue(), "both.zip")
    assert report.byte_map.unexplained == 80
    assert report.byte_map.first == packed.getvalue().index(b"\x00\x01\x02\x03" * 20)


def test_an_empty_file_has_no_bytes() -> None:
    found = look_at(b"", "empty.txt").byte_map
    assert (found.parsed, found.data, found.unexplained, found.first) == (0, 0, 0, None)
