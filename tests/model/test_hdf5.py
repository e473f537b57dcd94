"""HDF5: files made by h5py and PyTables, and files that no library would write."""

import gzip
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.budget import Limits
from assaymark.model.formats import hdf5
from assaymark.model.hdf5 import header, source
from tests.conftest import ids, look_at, severe

DATA = Path(__file__).parent / "data"
LAMBDA = (
    '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": '
    '["4wEAAAAAAAAA", null, null], "function_type": "lambda"}}]}, "padding": "%s"}'
)
PICKLE = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
TEXT_PICKLE = b"cposix\nsystem\n(S'true'\ntR."
formats = pytest.mark.parametrize("libver", ["earliest", "latest", ("v110", "v110")])


def make(fill: Callable[[h5py.File], object], **options: Any) -> bytes:
    """The bytes of a file that h5py writes."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", **options) as file:
        fill(file)
    return memory.getvalue()


def stored(name: str) -> bytes:
    """A real file of tests/model/data."""
    return gzip.decompress((DATA / f"{name}.gz").read_bytes())


def weights(file: h5py.File) -> None:
    """What `save_weights` writes, and more that is ordinary."""
    file.attrs["backend"] = "jax"
    file.attrs["keras_version"] = np.bytes_(b"3.11.3")
    file.attrs["layer_names"] = np.array([b"dense", b"dense_1"])
    for layer in ("dense", "dense_1"):
        group = file.create_group(f"layers/{layer}/vars")
        group["0"] = np.zeros((4, 3), "f4")
        group["1"] = np.zeros(3, "f4")
        group.attrs["weight_names"] = [f"{layer}/kernel:0", f"{layer}/bias:0"]
        group.attrs["note"] = "Written by a program. It ends with a stop."
    file["packed"] = np.zeros((8, 8))
    file.create_dataset("chunks", data=np.zeros((40, 40)), chunks=(8, 8), compression="gzip", shuffle=True)
    file.create_dataset("grows", shape=(3,), maxshape=(None,), dtype="i8", chunks=(2,))
    file["texts"] = ["a", "b"]
    file["type"] = np.dtype([("a", "i4"), ("b", "S5")])
    file.create_dataset("typed", (3,), dtype=file["type"])
    file["alias"] = h5py.SoftLink("/packed")
    file["again"] = file["packed"]
    file["loop"] = file["/"]


# Files that are as they should be


@formats
@pytest.mark.parametrize("options", [{}, {"track_order": True}, {"userblock_size": 1024}])
def test_ordinary_files_are_clean(libver: Any, options: dict[str, Any]) -> None:
    report = look_at(make(weights, libver=libver, **options), "model.weights.h5")
    assert report.formats == ("hdf5",)
    assert not report.findings
    assert not report.gaps


def test_paged_file_with_persistent_free_space_is_clean(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.h5", "w", fs_strategy="page", fs_persist=True) as file:
        weights(file)
    assert not look_at((tmp_path / "model.h5").read_bytes(), "model.h5").findings


def test_something_put_before_the_file_moves_it() -> None:
    assert not look_at(bytes(2048) + make(weights), "model.h5").findings
    assert not look_at(bytes(512) + make(weights, libver="latest"), "model.h5").findings


@pytest.mark.parametrize(
    "name", ["keras_sequential.h5", "keras_sequential.keras", "keras_functional.json", "pandas_table.h5"]
)
def test_real_files_are_clean(name: str) -> None:
    report = look_at(stored(name), name)
    assert report.formats
    assert not severe(report)


@formats
def test_many_links_and_attributes_are_all_seen(libver: Any) -> None:
    def fill(file: h5py.File) -> None:
        group = file.create_group("many")
        for number in range(700):
            group.create_group(f"g{number}")
        group["g350"]["out"] = h5py.ExternalLink("/etc/passwd", "/")
        for number in range(60):
            group.attrs[f"a{number}"] = "x" * 60
        group.attrs["model_config"] = LAMBDA % ""

    assert ids(look_at(make(fill, libver=libver), "x.h5")) == {"MDL060", "MDL070"}


# MDL060, MDL063: links


@formats
@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "../../x.h5",
        "a/../../x.h5",
        "..",
        "C:\\x.h5",
        "c:x.h5",
        "\\\\host\\share\\x",
        "s3://b/x.h5",
        "~/x",
    ],
)
def test_mdl060_bad_link_leaves_folder(libver: Any, file: str) -> None:
    def fill(out: h5py.File) -> None:
        out.create_group("layers")["w"] = h5py.ExternalLink(file, "/secret")

    report = look_at(make(fill, libver=libver), "x.h5")
    assert ids(report) == {"MDL060"}
    assert report.findings[0].where.symbol == f"/layers/w -> {file}"


def test_mdl060_good_soft_and_hard_links() -> None:
    assert not look_at(make(weights), "x.h5").findings


@formats
@pytest.mark.parametrize("file", ["part-1.h5", "data/part..1.h5", "..hidden", "a:b.h5"[2:]])
def test_mdl063_bad_link_to_sibling(libver: Any, file: str) -> None:
    report = look_at(make(lambda out: out.__setitem__("w", h5py.ExternalLink(file, "/w")), libver=libver), "x.h5")
    assert ids(report) == {"MDL063"}


def test_mdl063_good_no_links() -> None:
    assert not look_at(make(lambda out: out.create_group("a")), "x.h5").findings


# MDL061, MDL065: data elsewhere


@formats
@pytest.mark.parametrize("file", ["/etc/passwd", ".env", "sub/id_ed25519"])
def test_mdl061_bad_external_storage(libver: Any, file: str) -> None:
    data = make(lambda out: out.create_dataset("w", (4,), "u1", external=[(file, 0, 4)]), libver=libver)
    assert ids(look_at(data, "x.h5")) == {"MDL061"}


def virtual(*files: str) -> Callable[[h5py.File], None]:
    def fill(out: h5py.File) -> None:
        layout = h5py.VirtualLayout((len(files), 10), "f4")
        for row, file in enumerate(files):
            layout[row, ::2] = h5py.VirtualSource(file, "a_rather_long_name", (10,))[::2]
        out.create_virtual_dataset("w", layout)

    return fill


@pytest.mark.parametrize("libver", ["latest", ("v110", "v110")])
@pytest.mark.parametrize("files", [("/data/x.h5",), ("a.h5", "a.h5", "a.h5", "../b.h5"), (".", "C:/x.h5")])
def test_mdl061_bad_virtual_source(libver: Any, files: tuple[str, ...]) -> None:
    assert "MDL061" in ids(look_at(make(virtual(*files), libver=libver), "x.h5"))


@pytest.mark.parametrize("libver", ["latest", ("v110", "v110")])
def test_mdl061_good_virtual_in_the_same_file(libver: Any) -> None:
    assert not look_at(make(virtual(".", "."), libver=libver), "x.h5").findings


@pytest.mark.parametrize("libver", ["latest", ("v110", "v110")])
def test_mdl065_bad_virtual_over_siblings(libver: Any) -> None:
    report = look_at(make(virtual("a.h5", "a.h5", "b.h5", "."), libver=libver), "x.h5")
    assert [(f.id, f.message) for f in report.findings] == [("MDL065", "/w is a virtual dataset over a.h5 and 1 more")]


def test_mdl065_good_virtual_in_the_same_file() -> None:
    assert not look_at(make(virtual("."), libver="latest"), "x.h5").findings


# MDL062: pickles


def test_mdl062_bad_pytables_objects() -> None:
    report = look_at(stored("pytables_objects_bad.h5"), "x.h5")
    assert {"MDL062", "MDL001"} <= ids(report)
    assert "/objects[1]" in {f.where.member for f in report.findings}


def test_mdl062_bad_hickle() -> None:
    def fill(out: h5py.File) -> None:
        out["data"] = np.frombuffer(PICKLE, "u1")
        out["data"].attrs["base_type"] = np.bytes_(b"pickle")
        out.create_dataset(
            "more", data=np.frombuffer(PICKLE * 9, "u1"), chunks=(64,), compression="gzip", fletcher32=True
        )
        out["more"].attrs["base_type"] = np.bytes_(b"pickle")

    report = look_at(make(fill), "x.h5")
    assert {(f.id, f.where.member) for f in report.findings} >= {
        ("MDL062", ""),
        ("MDL001", "/data"),
        ("MDL001", "/more"),
    }


def test_mdl062_good_inert_objects_and_plain_tables() -> None:
    assert not severe(look_at(stored("pytables_objects.h5"), "x.h5"))
    assert "MDL062" not in ids(look_at(stored("pandas_table.h5"), "x.h5"))


def test_pickled_attribute_is_looked_at() -> None:
    report = look_at(stored("pytables_attribute_bad.h5"), "x.h5")
    assert [(f.id, f.where.member) for f in report.findings] == [("MDL001", "settings")]


@formats
@pytest.mark.parametrize("value", [np.bytes_(PICKLE), np.void(PICKLE), np.frombuffer(PICKLE, "u1"), TEXT_PICKLE])
def test_pickle_in_any_type_of_attribute(libver: Any, value: Any) -> None:
    data = make(lambda out: out.create_group("g").attrs.create("a", value), libver=libver)
    assert "MDL001" in ids(look_at(data, "x.h5"))


def test_pickles_that_cannot_be_read_hold() -> None:
    def fill(out: h5py.File) -> None:
        out.create_dataset("w", data=np.frombuffer(PICKLE, "u1"), chunks=(8,), compression="lzf")
        out["w"].attrs["base_type"] = np.bytes_(b"pickle")

    report = look_at(make(fill), "x.h5")
    assert any(f.holds and "filters" in f.message for f in report.findings)


# MDL064: sizes


@formats
@pytest.mark.parametrize("options", [{}, {"chunks": (1024,), "compression": "gzip"}])
def test_mdl064_bad_shape_bomb(libver: Any, options: dict[str, Any]) -> None:
    data = make(lambda out: out.create_dataset("w", (1 << 40,), "f4", **options), libver=libver)
    assert ids(look_at(data, "x.h5")) == {"MDL064"}


def test_mdl064_good_small_dataset() -> None:
    assert not look_at(make(lambda out: out.create_dataset("w", (1000, 1000), "f4", chunks=(10, 10))), "x.h5").findings


# Keras configurations


@formats
@pytest.mark.parametrize("padding", [0, 5_000, 60_000, 300_000])
@pytest.mark.parametrize("kind", [str, np.bytes_, np.void])
def test_model_config_is_looked_at(libver: Any, padding: int, kind: Any) -> None:
    text = LAMBDA % ("x" * padding)
    if padding >= 60_000 and libver == "earliest" and kind is not str:
        pytest.skip("attributes of the old format end at 64 KiB")

    def fill(out: h5py.File) -> None:
        out.attrs["model_config"] = text if kind is str else kind(text.encode())

    report = look_at(make(fill, libver=libver), "x.h5")
    assert [(f.id, f.where.member) for f in report.findings] == [("MDL070", "model_config")]


def test_real_lambda_model() -> None:
    assert ids(look_at(stored("keras_lambda.h5"), "x.h5")) == {"MDL070"}


def test_attribute_in_the_heap_of_shared_messages() -> None:
    report = look_at(stored("shared_messages.h5"), "x.h5")
    assert {f.where.member for f in report.findings} == {"/a@model_config", "/b@model_config"}
    assert ids(report) == {"MDL070"}


def test_what_cannot_be_walked_holds() -> None:
    report = look_at(stored("compressed_group.h5"), "x.h5")
    assert [(f.id, f.holds, f.message) for f in report.findings] == [
        ("CHK005", True, "/z: a fractal heap whose blocks are compressed")
    ]


def test_link_class_of_another_program_holds() -> None:
    link = struct.pack("<BBB", 1, 8, 70) + b"\x01w" + struct.pack("<H", 3) + b"xyz"
    report = look_at(tiny([(header.LINK, link)]), "x.h5")
    assert ids(report) == {"CHK005"}
    assert "class 70" in report.findings[0].message


def test_one_of_several_files_holds() -> None:
    data = bytearray(make(weights))
    data[48:56] = struct.pack("<Q", 96)
    report = look_at(bytes(data), "x.h5")
    assert any(f.holds and "driver" in f.message for f in report.findings)


# Files that no library writes


def tiny(messages: list[tuple[int, bytes]], extra: bytes = b"") -> bytes:
    """A file of version 3 with one object header at 48, and what else stands behind it."""
    body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
    root = b"OHDR\x02\x02" + struct.pack("<I", len(body)) + body + bytes(4) + extra
    end = 48 + len(root)
    return b"\x89HDF\r\n\x1a\n\x03\x08\x08\x00" + struct.pack("<QQQQ", 0, 2**64 - 1, end, 48) + bytes(4) + root


def test_tiny_is_a_file() -> None:
    assert not look_at(tiny([]), "x.h5").findings


def test_header_that_continues_in_itself() -> None:
    data = tiny([(header.CONTINUATION, struct.pack("<QQ", 58, 24))])
    assert ids(look_at(data, "x.h5")) == {"CHK002"}
    block = b"OCHK" + struct.pack("<BHB", header.CONTINUATION, 16, 0) + struct.pack("<QQ", 82, 28) + bytes(4)
    assert ids(look_at(tiny([(header.CONTINUATION, struct.pack("<QQ", 82, 28))], block), "x.h5")) == {"CHK002"}


def test_shared_message_that_refers_to_itself() -> None:
    body = struct.pack("<BHB", header.ATTRIBUTE, 10, 2) + b"\x02\x00" + struct.pack("<Q", 48)
    data = bytearray(tiny([(header.ATTRIBUTE, body[4:])]))
    data[61] = 2
    assert ids(look_at(bytes(data), "x.h5")) == {"CHK002"}


@pytest.mark.parametrize("length", [2**16, 2**31, 2**63, 2**64 - 1])
def test_declared_lengths_cost_nothing(length: int) -> None:
    data = tiny([(header.CONTINUATION, struct.pack("<QQ", 82, length))])
    assert ids(look_at(data, "x.h5")) <= {"CHK002", "CHK003"}
    assert look_at(data, "x.h5").findings


def test_a_fault_in_one_object_does_not_hide_the_next() -> None:
    def fill(out: h5py.File) -> None:
        out["a"] = 1
        out["z"] = h5py.ExternalLink("/etc/passwd", "/")
        out["y"] = 2
        out["y"].attrs["model_config"] = LAMBDA % ""

    data = bytearray(make(fill, libver="latest"))
    at = data.index(b"OHDR", 60)
    data[at + 4] = 9
    assert ids(look_at(bytes(data), "x.h5")) >= {"MDL060", "MDL070", "CHK002"}


def test_deep_groups_need_no_stack() -> None:
    def fill(out: h5py.File) -> None:
        group = out
        for _ in range(1_500):
            group = group.create_group("g")
        group["w"] = h5py.ExternalLink("/etc/passwd", "/")

    report = look_at(make(fill), "x.h5")
    assert ids(report) == {"MDL060"}
    assert len(report.findings[0].message) < 1_000


def test_too_many_objects_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "OBJECTS", 5)
    assert ids(look_at(make(weights), "x.h5")) == {"CHK003"}


def test_too_many_structures_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "STRUCTURES", 50)
    assert ids(look_at(make(weights), "x.h5")) == {"CHK003"}


def test_the_same_value_read_again_and_again_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "METADATA", 20_000)
    assert "CHK003" in ids(look_at(make(lambda out: out.attrs.create("a", "x" * 30_000)), "x.h5"))


def test_too_many_pickles_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "PICKLES", 1)
    report = look_at(stored("pytables_objects.h5"), "x.h5")
    assert any(f.holds and "more than 1 pickles" in f.message for f in report.findings)


def test_large_metadata_holds() -> None:
    data = make(lambda out: out.attrs.create("a", "x" * 30_000))
    assert "CHK003" in ids(look_at(data, "x.h5", Limits(header=20_000)))


def test_names_are_no_way_out_of_text() -> None:
    def fill(out: h5py.File) -> None:
        out[b"\xff\xfe\x1b[31m"] = h5py.ExternalLink("/etc/passwd", "/")

    report = look_at(make(fill), "x.h5")
    assert ids(report) == {"MDL060"}
    assert "\x1b" not in report.findings[0].message


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_truncation_at_every_byte_is_seen(libver: str) -> None:
    data = make(lambda out: (out.attrs.create("model_config", LAMBDA % ""), out.create_group("g")), libver=libver)
    assert len(data) < 12_000
    step = 1 if len(data) < 2_000 else 7
    for end in (*range(800), *range(800, len(data), step)):
        report = look_at(data[:end], "model.h5")
        assert report.findings, end
        assert "CHK001" not in ids(report), end


SEEDS = [
    make(weights),
    make(weights, libver="latest"),
    make(virtual("a.h5", "."), libver="latest"),
    stored("shared_messages.h5"),
    make(lambda out: [out.attrs.create(f"a{n}", np.void(PICKLE)) for n in range(12)], libver="latest"),
    stored("keras_lambda.h5"),
]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_never_crashes_the_parser(data: st.DataObject) -> None:
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(seed) - 1))
        patch = data.draw(st.sampled_from([b"\0", b"\xff", b"\x01", b"\x80", b"\xff" * 4, b"\0" * 4, b"\x7f" * 8]))
        seed[at : at + len(patch)] = patch
    report = look_at(bytes(seed), "x.h5")
    assert "CHK001" not in ids(report), severe(report)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 25), st.binary(max_size=80))
def test_any_message_never_crashes_the_parser(kind: int, body: bytes) -> None:
    assert "CHK001" not in ids(look_at(tiny([(kind, body)], bytes(64)), "x.h5"))


def test_plain_pickles_stay_pickles() -> None:
    assert look_at(pickle.dumps({"a": 1}), "x.pkl").formats == ("pickle",)


def test_chunks_out_of_order_hold() -> None:
    """The library finds a chunk by its key. Joined in the order of the tree they would be another pickle."""
    data = np.frombuffer(pickle.dumps(list(range(100))), np.uint8)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as out:
        out.create_dataset("w", data=data, chunks=(64,))
        out["w"].attrs["base_type"] = np.bytes_(b"pickle")
    made = stream.getvalue()
    assert "CHK002" not in ids(look_at(made, "x.h5"))
    key = struct.pack("<IIQQ", 64, 0, 64, 0)
    assert made.count(key) == 1
    for other in (0, 1 << 20):
        assert "CHK002" in ids(look_at(made.replace(key, struct.pack("<IIQQ", 64, 0, other, 0)), "x.h5"))
