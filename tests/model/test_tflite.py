"""TFLite: what the converter writes is clean; custom and Flex operators, buffers and files outside are told."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import OverBudget
from assaymark.model.flatbuffer import Buffer
from assaymark.storage.spool import FileSpool
from tests.conftest import ids, severe
from tests.model.hostile_bytes import looker, mutations, survives
from tests.model.wire import entry, put

REAL = Path(__file__).parent / "real" / "tflite"
HONEST = ["dense.tflite", "quantised.tflite", "functional.tflite", "flex.tflite"]

Value = int | str | bytes | list | dict | tuple
"""A field: a scalar as (size, value), a text, bytes, a vector of tables or of int32, a table."""


def table(fields: dict[int, Value], place: int) -> bytes:
    """A table and all below it, laid out from `place` on. What is pointed at stands behind what points."""
    last = max(fields, default=-1)
    vtable_size = 4 + 2 * (last + 1)
    vtable_size += vtable_size % 4
    sizes = {number: value[0] if isinstance(value, tuple) else 4 for number, value in fields.items()}
    slots, at = dict[int, int](), 4
    for number in fields:
        slots[number] = at
        at += sizes[number]
    extent = at
    vtable = vtable_size.to_bytes(2, "little") + extent.to_bytes(2, "little")
    vtable += b"".join(slots.get(number, 0).to_bytes(2, "little") for number in range((vtable_size - 4) // 2))
    body = bytearray(vtable_size.to_bytes(4, "little", signed=True))
    tail, end = b"", place + vtable_size + extent
    for number, value in fields.items():
        here = place + vtable_size + slots[number]
        if isinstance(value, tuple):
            body += (value[1] % (1 << 8 * value[0])).to_bytes(value[0], "little")
            continue
        piece, points = pointed(value, end + len(tail))
        body += (points - here).to_bytes(4, "little")
        tail += piece
    return vtable + bytes(body) + tail


def pointed(value: Value, at: int) -> tuple[bytes, int]:
    """Bytes of what an offset leads to, laid out at `at`, and where in them it leads."""
    if isinstance(value, dict):
        piece = table(value, at)
        return piece, at + int.from_bytes(piece[:2], "little")
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        return len(data).to_bytes(4, "little") + data + b"\0", at
    if all(isinstance(item, int) for item in value):
        return len(value).to_bytes(4, "little") + b"".join(
            item.to_bytes(4, "little", signed=True) for item in value
        ), at
    heads, pieces, place = b"", b"", at + 4 + 4 * len(value)
    for index, item in enumerate(value):
        piece, points = pointed(item, place + len(pieces))
        heads += (points - (at + 4 + 4 * index)).to_bytes(4, "little")
        pieces += piece
    return len(value).to_bytes(4, "little") + heads + pieces, at


def tflite(
    codes: list[dict], operators: list[dict] = (), buffers: list[dict] = (), tensors: list[dict] = (), **more: Value
) -> bytes:
    """A model of one subgraph."""
    subgraph = {0: list(tensors), 3: list(operators), 4: "main"}
    root = {0: (4, 3), 1: codes, 2: [subgraph], 4: list(buffers) or [{}]} | {int(k[1:]): v for k, v in more.items()}
    body = table(root, 8)
    return (8 + int.from_bytes(body[:2], "little")).to_bytes(4, "little") + b"TFL3" + body


def custom(name: str) -> dict:
    return {0: (1, 32), 1: name, 3: (4, 32)}


def flexbuffer(name: str, node_def: bytes) -> bytes:
    """A vector of the operator's name and its NodeDef, as the converter writes it; widths of 4 bytes."""
    texts, places = b"", []
    for piece in (name.encode(), node_def):
        texts += len(piece).to_bytes(4, "little")
        places.append(len(texts))
        texts += piece + b"\0"
    start = len(texts) + 4
    elements = b"".join((start + 4 * i - place).to_bytes(4, "little") for i, place in enumerate(places))
    body = texts + (2).to_bytes(4, "little") + elements + bytes((5 << 2 | 2, 5 << 2 | 2))
    return body + (len(body) - start).to_bytes(4, "little") + bytes((10 << 2 | 2, 4))


def flex(op: str, inner: str = "", **attributes: bytes) -> bytes:
    """A model of one Flex operator. `inner` is the operator in its NodeDef."""
    node = put(1, "n") + put(2, inner or op) + b"".join(entry(5, key, value) for key, value in attributes.items())
    operator = {0: (4, 0), 1: [0], 2: [0], 5: flexbuffer(op, node)}
    text = (1).to_bytes(4, "little") + (12).to_bytes(4, "little") + (18).to_bytes(4, "little") + b"/tmp/x"
    return tflite([custom("Flex" + op)], [operator], [{}, {0: text}], [{2: (4, 1), 3: "p"}])


looked = looker("model.tflite")


@pytest.mark.parametrize("name", HONEST)
def test_real_files_are_clean(name: str) -> None:
    report = looked((REAL / name).read_bytes(), name)
    assert not severe(report)
    assert report.formats == ("tflite",)


def test_a_flex_operator_that_writes() -> None:
    report = looked((REAL / "bad_writes.tflite").read_bytes())
    assert any(f.id == "MDL150" and "/tmp/assaymark-mark" in f.message for f in report.findings)


def test_flex_operators_are_judged_by_tensorflows_table() -> None:
    assert not severe(looked(flex("Lgamma")))
    assert "MDL150" in ids(looked(flex("WriteFile")))
    assert any("/tmp/x" in f.message for f in looked(flex("WriteFile")).findings)
    assert "MDL150" in ids(looked(flex("Lgamma", inner="WriteFile")))
    assert "MDL151" in ids(looked(flex("ReadFile")))
    assert "MDL152" in ids(looked(flex("PyFunc", token=put(2, "pyfunc_0"))))
    assert "MDL154" in ids(looked(flex("Own")))
    assert "MDL150" in ids(looked(flex("PrintV2", output_stream=put(2, "file:///tmp/x"))))
    assert not severe(looked(flex("PrintV2", output_stream=put(2, "stderr"))))
    assert "MDL155" in ids(looked(flex("DatasetFromGraph")))


def test_mdl158_bad_custom() -> None:
    assert "MDL158" in ids(looked(tflite([custom("MyOwn")])))
    assert "MDL158" in ids(looked(tflite([custom("edgetpu-custom-op")], [{0: (4, 0)}])))
    assert "MDL158" in ids(looked(tflite([{3: (4, 4000)}])))
    assert "MDL158" in ids(looked(tflite([{0: (1, 127), 3: (4, 173)}], [{0: (4, 0), 12: {0: "run"}}])))


def test_mdl158_good_builtin() -> None:
    assert not severe(looked(tflite([{0: (1, 9)}, custom("TFLite_Detection_PostProcess")], [{0: (4, 0)}])))


def test_mdl159_bad_places() -> None:
    assert "MDL159" in ids(looked(tflite([], buffers=[{1: (8, 1 << 40), 2: (8, 4)}])))
    assert "MDL159" in ids(looked(tflite([], buffers=[{}], tensors=[{2: (4, 7), 3: "w"}])))
    assert "MDL159" in ids(looked(tflite([], f6=[{0: "m", 1: (4, 9)}])))


def test_mdl159_good_places() -> None:
    assert not severe(looked(tflite([], buffers=[{}, {1: (8, 16), 2: (8, 4)}], tensors=[{2: (4, 1)}])))


def test_mdl160_bad_path() -> None:
    for path in ("../../etc/passwd", "/etc/passwd", "C:\\x"):
        assert "MDL160" in ids(looked(tflite([], f8=[{0: path}])))


def test_mdl160_good_path() -> None:
    assert not severe(looked(tflite([], f8=[{0: "weights.bin"}])))


def test_files_behind_the_model_are_looked_at() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("labels.txt", "one\ntwo\n")
    assert not severe(looked((REAL / "dense.tflite").read_bytes() + archive.getvalue()))
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("labels.pkl", b"cposix\nsystem\n(S'id'\ntR.")
    assert any(f.severity >= 3 for f in looked((REAL / "dense.tflite").read_bytes() + archive.getvalue()).findings)


def test_the_name_claims_the_format() -> None:
    assert "CHK002" in ids(looked(b"\1\2\3\4\5\6\7\x08"))
    assert "CHK002" in ids(looked(b"\x08\0\0\0TFL3", "x.bin"))


def test_a_cut_model_is_never_clean() -> None:
    data = (REAL / "dense.tflite").read_bytes()
    assert all(severe(looked(data[:cut])) for cut in range(1, len(data) - 8, 7))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([(REAL / name).read_bytes() for name in ("dense.tflite", "bad_writes.tflite")]).flatmap(mutations)
)
def test_mutated_files_are_reported_on(data: bytes) -> None:
    survives(data, "model.tflite")


def test_many_tables_that_share_a_long_text_end() -> None:
    data = tflite([custom("evil" + "x" * (4 << 20))])
    root = Buffer(Bytes(data), Budget(monotonic=lambda: 0.0, spool=FileSpool), "it").root()
    table_ = next(root.tables(1))
    with pytest.raises(OverBudget):
        all(table_.string(1) for _ in range(Buffer.MOST // 4_000))
