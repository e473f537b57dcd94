"""Values of tensors (`assay model weights`) and the cheap part of it in every scan."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import time
import zipfile
import zlib
from collections.abc import Callable

import h5py
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.finding import Finding
from assaymark.core.format import Context
from assaymark.core.look import look
from assaymark.core.scan import FileReport
from assaymark.model.weights.session import Session, during
from assaymark.model.weights.signatures import carried
from assaymark.model.weights.source import Weights, weights
from assaymark.model.weights.values import Tally, examine
from assaymark.model.weights.views import Compared, Contents, LowBitsFound, Oddities, TensorStats
from assaymark.storage.spool import FileSpool
from assaymark.weighing import weights_catalog
from tests.conftest import ids, look_at, look_at_folder, severe
from tests.model.gguf_maker import gguf, pair, row, text_pair

RANDOM = np.random.default_rng(20260101)
TOKEN = "hf_" + "aBcD3fGhIjKlMn0pQrStUvWxYz12345678"
PROSE = b"The quick brown fox jumps over the lazy dog, and then it does so again: 12 times. " * 16


def normal(*shape: int, dtype: str = "f4") -> np.ndarray:
    return (RANDOM.standard_normal(shape) * 0.02).astype(dtype)


def budget() -> Budget:
    return Budget(monotonic=time.monotonic, spool=FileSpool)


def session(base: bytes = b"") -> Session:
    found = weights(Bytes(base), Context(budget(), "base"), lambda _: None) if base else ()
    return Session(base={one.name: one for one in found if isinstance(one, Weights)})


def weigh(data: bytes, name: str = "m.safetensors", base: bytes = b"") -> FileReport:
    with during(session(base)):
        return look(Bytes(data), name, weights_catalog(), budget())


def stats_of(data: bytes, name: str = "m") -> dict[str, TensorStats]:
    own = session()
    with during(own):
        report = look(Bytes(data), name, weights_catalog(), budget())
    assert severe(report) == []
    return {one.name: one for one in own.stats.get("", [])}


def only(report: FileReport, rule_id: str) -> Finding:
    (found,) = (finding for finding in report.findings if finding.id == rule_id)
    return found


# What payloads are made of: headers by the books, never a real program.


def elf() -> bytes:
    head = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    )
    return head + RANDOM.bytes(4000)


def pe() -> bytes:
    return b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + struct.pack(
        "<HHIIIHHH", 0x8664, 5, 0, 0, 0, 240, 0x22, 0x20B
    ) + RANDOM.bytes(500)  # fmt: skip


def macho() -> bytes:
    return struct.pack("<7I", 0xFEEDFACF, 0x0100000C, 0, 2, 17, 1500, 0x85) + RANDOM.bytes(2000)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tool.py", "print('hello')\n" * 50)
    return out.getvalue()


class Act:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.getcwd, ()


KEY = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"\n".join(
    base64.b64encode(RANDOM.bytes(48)) for _ in range(12)
) + b"\n-----END RSA PRIVATE KEY-----\n"  # fmt: skip
SCRIPT = b"#!/bin/sh\ncd /tmp && ./install --quiet >/dev/null\n"
PROGRAMS: dict[str, bytes] = {
    "elf": elf(),
    "pe": pe(),
    "macho": macho(),
    "pickle 4": pickle.dumps(Act(), 4),
    "pickle 2": pickle.dumps(Act(), 2),
    "key": KEY,
    "script": SCRIPT,
}
ARCHIVES: dict[str, bytes] = {
    "zip": zipped(),
    "gzip": gzip.compress(elf()),
    "xz": lzma.compress(elf()),
    "bzip2": bz2.compress(elf()),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(bytes(20))) + bytes(20),
}


def with_bytes(payload: bytes, offset: int = 40_960, dtype: str = "f4") -> bytes:
    raw = bytearray(normal(50_000, dtype=dtype).tobytes())
    raw[offset : offset + len(payload)] = payload
    return save({"w": np.frombuffer(bytes(raw), dtype).reshape(500, 100)})


# Programs and archives in tensors


@pytest.mark.parametrize("name", PROGRAMS)
def test_mdl222_bad_program_in_a_tensor(name: str) -> None:
    assert "MDL222" in ids(weigh(with_bytes(PROGRAMS[name])))
    assert "MDL222" in ids(weigh(with_bytes(PROGRAMS[name], 2, "f2")))


@pytest.mark.parametrize("name", [*PROGRAMS, "pickle 0"])
def test_mdl222_bad_program_at_the_start_is_seen_by_a_scan(name: str) -> None:
    data = with_bytes({**PROGRAMS, "pickle 0": pickle.dumps(Act(), 0)}[name], 0)
    for report in (look_at(data, "m.safetensors"), weigh(data)):
        assert "MDL222" in ids(report)


def test_mdl222_bad_program_in_gguf_and_torch() -> None:
    payload = elf() + bytes(-len(elf()) % 32)
    raw = payload + bytes(8192 - len(payload))
    file = gguf([], [row("w", (2048,), 0, 0)], raw)
    assert "MDL222" in ids(look_at(file, "m.gguf"))
    assert "MDL222" in ids(weigh(file, "m.gguf"))


def test_mdl222_good_magic_numbers_that_nothing_follows() -> None:
    """A magic number alone is chance: there must be a header behind it."""
    magics = (
        b"\x7fELF", b"MZ", b"PK\3\4", b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\7\0",
        b"\x80\x04\x95", b"\x80\x02c", b"#!/", b"-----BEGIN ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"PE\0\0", b"BZh",
    )  # fmt: skip
    for magic in magics:
        for _ in range(20):
            data = with_bytes(magic + RANDOM.bytes(400), 0)
            assert severe(look_at(data, "m.safetensors")) == []
            assert {f.id for f in weigh(data).findings} <= {"MDL225"}


@pytest.mark.parametrize("name", ARCHIVES)
def test_mdl223_bad_archive_in_a_tensor(name: str) -> None:
    report = weigh(with_bytes(ARCHIVES[name]))
    assert only(report, "MDL223").holds
    assert "MDL223" in ids(look_at(with_bytes(ARCHIVES[name], 0), "m.safetensors"))


def test_mdl223_bad_text_in_floats() -> None:
    assert "text" in only(weigh(with_bytes(PROSE)), "MDL223").message


def test_mdl223_good_text_among_integers() -> None:
    """A vocabulary is kept as bytes."""
    words = np.frombuffer(PROSE, "u1")
    assert severe(weigh(save({"vocabulary": words}))) == []


def test_mdl223_good_numbers_that_happen_to_be_printable() -> None:
    values = np.full(4096, 0x3F40, "<u2")  # 0.75 in bfloat16, "@?" as text
    assert severe(weigh(gguf([], [row("w", (4096,), 30, 0)], values.tobytes()), "m.gguf")) == []


def test_random_weights_raise_no_alarm() -> None:
    """4 MB of each here; 1 GiB of each was tried, as docs/weights.md says."""
    f4 = normal(1 << 20)
    kinds = {
        "F32": f4.tobytes(),
        "F16": f4.astype("f2").tobytes(),
        "BF16": (f4.view("u4") >> 16).astype("<u2").tobytes(),
        "U8": RANDOM.bytes(1 << 20),
        "F64": f4.astype("f8").tobytes(),
    }
    for dtype, data in kinds.items():
        tensor = Weights("w", dtype, (len(data),), Bytes(data), 0, len(data))
        for view in examine(tensor, None, budget()):
            assert not isinstance(view, Contents) or view.carried == ()
            assert not isinstance(view, LowBitsFound) or (view.spelled, view.changed) == ((), ())
            assert not isinstance(view, Oddities)


def test_places_beyond_the_limit_are_not_clean() -> None:
    raw = np.frombuffer(b"\x7fELF" * 50_000, "f4")
    report = weigh(save({"w": raw}))
    assert "CHK005" in ids(report)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*PROGRAMS.values(), *ARCHIVES.values()]), st.integers(0, 120), st.binary(min_size=1, max_size=8)
)
def test_confirmation_is_total(payload: bytes, at: int, noise: bytes) -> None:
    broken = payload[:at] + noise + payload[at + len(noise) :]
    carried(Bytes(broken))
    carried(Bytes(broken[: at + 1]))


# Low bits


def spelled(payload: bytes, bits: int, order: str = "little", start: int = 0, count: int = 200_000) -> np.ndarray:
    """Weights whose lowest bits are the payload's."""
    values = normal(count)
    words = values.view("u4")
    if bits < 8:
        groups = np.unpackbits(np.frombuffer(payload, "u1"), bitorder=order).reshape(-1, bits)
        weight = 1 << np.arange(bits) if order == "little" else 1 << np.arange(bits)[::-1]
        cells = (groups * weight).sum(axis=1).astype("u4")
    else:
        lanes = np.frombuffer(payload + bytes(-len(payload) % (bits // 8)), "u1").reshape(-1, bits // 8)
        lanes = lanes[:, ::-1] if order == "big" else lanes
        cells = sum(lanes[:, lane].astype("u4") << (8 * lane) for lane in range(bits // 8))
    words[start : start + len(cells)] &= ~np.uint32((1 << bits) - 1)
    words[start : start + len(cells)] |= cells
    return values


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 24])
def test_mdl227_bad_program_in_low_bits(bits: int, order: str) -> None:
    payload = struct.pack("<I", 4064) + elf()  # with its length in front, as tools write it
    found = only(weigh(save({"w": spelled(payload, bits, order)})), "MDL227")
    assert "an ELF program" in found.message


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_mdl227_bad_text_in_low_bits_anywhere(bits: int, order: str) -> None:
    found = only(weigh(save({"w": spelled(PROSE, bits, order, start=30_011)})), "MDL227")
    assert "text" in found.message


def test_mdl227_good_tensors_that_were_cast_or_count() -> None:
    cast = (normal(100_000).view("u4") & 0xFFFF0000).view("f4")
    quantised = (np.round(normal(100_000) * 500) / 500).astype("f4")
    tensors = {
        "cast": cast,
        "quantised": quantised,
        "positions": np.arange(100_000, dtype="f4"),
        "ones": np.ones(9999, "f4"),
    }
    assert severe(weigh(save(tensors))) == []


def cast_with(payload: np.ndarray, first: int) -> np.ndarray:
    values = (normal(400_000).view("u4") & 0xFFFF0000).view("f4").copy()
    values.view("u4")[first : first + len(payload)] |= payload.astype("u4")
    return values.reshape(400, 1000)


def test_mdl228_bad_low_bits_in_a_part() -> None:
    hidden = np.frombuffer(RANDOM.bytes(20_000), "<u2")
    found = only(weigh(save({"w": cast_with(hidden, 50_000)})), "MDL228")
    assert found.holds
    assert "low 16 bits" in found.message


def test_mdl228_bad_bytes_of_low_entropy_in_a_part() -> None:
    """Machine code has no signature in its middle, and is far from uniform."""
    code = RANDOM.choice(np.array([0, 0, 0, 0x48, 0x89, 0xFF, 0xE8, 0x8B, 0x0F, 0x24], "u1"), 200_000).tobytes()
    found = only(weigh(save({"w": spelled(code, 8, start=300_000, count=1_500_000)})), "MDL228")
    assert "low entropy" in found.message


def test_mdl228_good_rows_of_another_kind() -> None:
    """Rows that were never trained, copied, emptied or cast, among trained ones."""
    count = 400_000
    kinds = {
        "copied": np.tile(normal(1000), count // 1000),
        "zero": np.zeros(count, "f4"),
        "uniform": RANDOM.random(count, "f4") * np.float32(0.04) - np.float32(0.02),
        "drawn": RANDOM.standard_normal(count, "f4") * np.float32(0.02),
        "half": normal(count).astype("f2").astype("f4"),
        "quantised": (np.round(normal(count) * 500) / 500).astype("f4"),
    }
    for name, values in kinds.items():
        whole = normal(2_000_000)
        whole[600_000 : 600_000 + count] = values
        assert severe(weigh(save({name: whole.reshape(2000, 1000)}))) == [], name


def test_mdl228_good_rows_that_were_added() -> None:
    """A vocabulary that was extended in float32: said, but no reason to hold."""
    values = cast_with(np.empty(0, "u2"), 0)
    values[380:] = normal(20, 1000)
    report = weigh(save({"embed_tokens.weight": values}))
    assert severe(report) == []
    assert "last rows" in only(report, "MDL226").message


def test_mdl229_bad_payload_against_the_base() -> None:
    base = normal(200_000)
    for bits in (1, 2, 8, 16):
        ours = base.copy()
        cells = RANDOM.integers(0, 1 << bits, 20_000, "u4")
        words = ours.view("u4")
        words[5_000:25_000] = words[5_000:25_000] & ~np.uint32((1 << bits) - 1) | cells
        found = only(weigh(save({"w": ours}), base=save({"w": base})), "MDL229")
        assert found.holds
    assert "low 16 bits" in found.message


@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize("step", [1e-2, 1e-4, 1e-6, 1e-7, 3e-8])
def test_mdl229_good_fine_tuned(step: float, dtype: str) -> None:
    base = normal(200_000)
    for change in (base * RANDOM.standard_normal(len(base)), RANDOM.standard_normal(len(base)) * 0.02):
        ours = (base + change * step).astype(dtype)
        assert severe(weigh(save({"w": ours}), base=save({"w": base.astype(dtype)}))) == []


def test_mdl229_good_cast_of_the_base() -> None:
    base = normal(200_000)
    cast = (base.view("u4") & 0xFFFF0000).view("f4")
    rounded = ((base.view("u4") + 0x8000) & 0xFFFF0000).view("f4")
    for ours in (cast, rounded, base):
        assert severe(weigh(save({"w": ours}), base=save({"w": base}))) == []


# Values


def test_mdl225_bad_values_that_are_no_numbers() -> None:
    for dtype in ("f8", "f4", "f2"):
        values = normal(1000, dtype=dtype)
        values[:3] = np.nan
        values[5] = np.inf
        found = only(weigh(save({"w": values})), "MDL225")
        assert "3 NaN and 1 infinite" in found.message


def test_mdl225_bad_scales_of_quantised_blocks() -> None:
    block = np.zeros(34, "u1")
    block[:2] = np.array([np.nan], "<f2").view("u1")
    data = gguf([], [row("w", (32 * 8,), 8, 0)], block.tobytes() * 8)
    assert "8 NaN scales" in only(weigh(data, "m.gguf"), "MDL225").message


def test_mdl225_good_masks_and_operands() -> None:
    mask = np.triu(np.full((64, 64), -np.inf, "f4"), 1)
    assert severe(weigh(save({"attn_mask": mask, "lowest": np.array([-np.inf], "f4"), "w": normal(999)}))) == []


def test_mdl226_bad_layer_of_another_magnitude() -> None:
    layers = {f"layers.{n}.w": normal(64, 64) for n in range(12)}
    layers["layers.5.w"] *= 1000
    found = only(weigh(save(layers)), "MDL226")
    assert "layers.5.w" in found.message
    assert "larger" in found.message


def test_mdl226_bad_empty_layer() -> None:
    assert "are zero" in only(weigh(save({"w": np.zeros((100, 100), "f4")})), "MDL226").message


def test_mdl226_good_ordinary_layers() -> None:
    layers = {f"layers.{n}.w": normal(64, 64) * (1 + n) for n in range(12)}
    assert ids(weigh(save({**layers, "norm": np.ones(64, "f4"), "bias": np.zeros(64, "f4")}))) == set()


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_counts_are_those_of_numpy(dtype: str) -> None:
    values = normal(70_000, dtype=dtype)
    values[:100] = [0.0, -0.0, np.nan, np.inf, -np.inf] * 20
    values[200:300] = np.finfo(dtype).smallest_subnormal
    tally = Tally({"f8": "F64", "f4": "F32", "f2": "F16"}[dtype])
    tally.feed(values.view(f"u{values.itemsize}"))
    tiny = np.finfo(dtype).smallest_normal
    assert (tally.nan, tally.inf, tally.zeros) == (20, 40, 40)
    assert tally.denormal == np.count_nonzero((np.abs(values) < tiny) & (values != 0))
    finite = values[np.isfinite(values)].astype("f8")
    assert tally.largest == np.abs(finite).max()
    assert tally.rms == pytest.approx(np.sqrt(np.mean(finite**2)), rel=0.05)


def test_small_floats() -> None:
    tally = Tally("F8_E4M3")
    tally.feed(np.array([0, 0x7F, 0xFF, 0x7E, 0x08, 0x01], "u1"))
    assert (tally.nan, tally.inf, tally.zeros, tally.largest, tally.denormal) == (2, 0, 1, 448.0, 1)
    tally = Tally("F8_E5M2")
    tally.feed(np.array([0x7C, 0x7D, 0x7B], "u1"))
    assert (tally.nan, tally.inf, tally.largest) == (1, 1, 57344.0)


# Formats


def test_every_format_gives_its_values(tmp_path: "os.PathLike[str]") -> None:
    values = normal(40, 50)
    out = io.BytesIO()
    np.savez(out, w=values)
    npy = io.BytesIO()
    np.save(npy, values)
    path = os.path.join(tmp_path, "w.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("layer/w", data=values)
    with open(path, "rb") as file:
        hdf5 = file.read()
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(values, "w")])
    packed = helper.make_tensor("p", TensorProto.FLOAT, values.shape, values.ravel().tolist())
    graph.initializer.append(packed)
    model = helper.make_model(graph).SerializeToString()
    files = {
        "m.safetensors": (save({"w": values}), {"w"}),
        "m.npz": (out.getvalue(), {"w"}),
        "m.npy": (npy.getvalue(), {"tensor"}),
        "m.h5": (hdf5, {"/layer/w"}),
        "m.onnx": (model, {"w", "p"}),
        "m.pkl": (pickle.dumps({"w": values}), {"w"}),
        "m.gguf": (gguf([], [row("w", (50, 40), 0, 0)], values.tobytes()), {"w"}),
    }
    for name, (data, names) in files.items():
        found = stats_of(data, name)
        assert found.keys() == names, name
        for one in found.values():
            assert (one.dtype, one.shape, one.count) == ("F32", (40, 50), 2000), name
            assert one.largest == np.abs(values).max(), name


def test_what_is_not_read_holds() -> None:
    report = weigh(b"\x20\x00\x00\x00TFL3" + bytes(200), "m.tflite")
    assert any(finding.holds for finding in report.findings)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_broken_files_are_reports(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([save({"w": np.ones((8, 8), "f4")}), gguf([], [row("w", (64,), 8, 0)], bytes(68))])
    )
    cut = data.draw(st.integers(1, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]):
        report = weigh(broken, "m.gguf" if whole[:4] == b"GGUF" else "m.safetensors")
        assert "CHK001" not in ids(report), [f.message for f in report.findings]


def test_every_cut_holds() -> None:
    whole = save({"w": np.ones((8, 8), "f4")})
    for cut in range(1, len(whole)):
        assert any(f.holds or f.severity >= 3 for f in weigh(whole[:cut]).findings), cut


# Declarations


def model_folder(config: dict[str, object], tensors: dict[str, np.ndarray], **files: bytes) -> dict[str, bytes]:
    base = {
        "model_type": "llama",
        "torch_dtype": "float32",
        "num_hidden_layers": 3,
        "vocab_size": 64,
        "hidden_size": 16,
    }
    return {"config.json": json.dumps(base | config).encode(), "model.safetensors": save(tensors), **files}


def tensors(layers: int = 3, vocabulary: int = 64) -> dict[str, np.ndarray]:
    parts = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj")
    every = {f"model.layers.{n}.{part}.weight": normal(16, 16) for n in range(layers) for part in parts}
    return {**every, "model.embed_tokens.weight": normal(vocabulary, 16), "lm_head.weight": normal(vocabulary, 16)}


def said(contents: dict[str, bytes], rule_id: str) -> list[str]:
    reports = look_at_folder(contents)
    return [f.message for report in reports.values() for f in report.findings if f.id == rule_id]


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"vocab_size": 99}, "vocab_size is declared as 99"),
        ({"hidden_size": 32}, "hidden_size is declared as 32"),
        ({"torch_dtype": "bfloat16"}, "torch_dtype is declared as bfloat16"),
        ({"num_hidden_layers": 2}, "num_hidden_layers is declared as 2"),
    ],
)
def test_mdl220_bad_config(config: dict[str, object], what: str) -> None:
    assert [message for message in said(model_folder(config, tensors()), "MDL220") if what in message]


def test_mdl220_bad_head_that_is_not_there() -> None:
    some = {name: value for name, value in tensors().items() if "lm_head" not in name}
    config = {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False}
    assert "tie_word_embeddings" in said(model_folder(config, some), "MDL220")[0]
    assert said(model_folder({**config, "tie_word_embeddings": True}, some), "MDL220") == []


def test_mdl220_bad_gguf() -> None:
    pairs = [pair("llama.block_count", 4, struct.pack("<I", 5)), pair("llama.embedding_length", 4, struct.pack("<I", 99)),
             pair("general.parameter_count", 10, struct.pack("<Q", 10**9))]  # fmt: skip
    rows = [row("token_embd.weight", (32, 4), 0, 0), row("blk.0.attn_q.weight", (32, 32), 0, 512)]
    report = look_at(gguf(pairs, rows, bytes(512 + 4096)), "m.gguf")
    assert len([f for f in report.findings if f.id == "MDL220"]) == 3


def test_mdl220_good_model() -> None:
    reports = look_at_folder(model_folder({}, tensors()))
    assert not {i for report in reports.values() for i in ids(report)} & {"MDL220", "MDL221"}
    pairs = [pair("llama.block_count", 4, struct.pack("<I", 1)), pair("split.count", 2, struct.pack("<H", 2))]
    rows = [row("token_embd.weight", (32, 4), 0, 0), row("blk.7.attn_q.weight", (32, 32), 0, 512)]
    assert ids(look_at(gguf(pairs, rows, bytes(512 + 4096)), "m-00002-of-00002.gguf")) == set()


def sharded(total: int | None = None, *, drop: str = "", add: str = "") -> dict[str, bytes]:
    every = tensors()
    names = sorted(every)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    files: dict[str, bytes] = {}
    listed: dict[str, str] = {}
    size = 0
    for number, half in enumerate(halves, 1):
        file = f"model-0000{number}-of-00002.safetensors"
        kept = {name: every[name] for name in half if name != drop}
        listed |= dict.fromkeys(half, file)
        size += sum(value.nbytes for value in kept.values())
        files[file] = save({**kept, **({add: normal(4, 4)} if add and number == 1 else {})})
    index = {"metadata": {"total_size": size if total is None else total}, "weight_map": listed}
    return {**files, "model.safetensors.index.json": json.dumps(index).encode()}


def test_mdl220_bad_total_size() -> None:
    assert "metadata.total_size" in said(sharded(7), "MDL220")[0]


def test_mdl221_bad_shards_that_differ_from_the_index() -> None:
    assert "lacks 'model.layers.1.q_proj.weight'" in said(sharded(drop="model.layers.1.q_proj.weight"), "MDL221")[0]
    assert "'spare'" in said(sharded(add="spare"), "MDL221")[0]


def test_mdl221_bad_layer_that_is_not_there() -> None:
    some = {name: value for name, value in tensors(4).items() if ".layers.2." not in name}
    assert "lacks layers 2" in said(model_folder({"num_hidden_layers": 4}, some), "MDL221")[0]


def test_mdl221_good_shards() -> None:
    assert said(sharded(), "MDL221") == []
    assert said(sharded(), "MDL220") == []
    part = {name: data for name, data in sharded().items() if "00002-of" not in name}
    assert said(part, "MDL221") == []


def test_headers_that_cannot_be_read_are_left_to_their_parser() -> None:
    for broken in (b"", b"\xff" * 8, b"\x10" + bytes(7) + b"[1]", b"\x09" + bytes(7) + b'{"a":[]}]'):
        files = {**sharded(), "model-00001-of-00002.safetensors": broken}
        assert "CHK001" not in {i for report in look_at_folder(files).values() for i in ids(report)}


# Secrets


def onnx_with(key: str, value: str) -> bytes:
    model = helper.make_model(helper.make_graph([], "g", [], []))
    helper.set_model_props(model, {key: value})
    return bytes(model.SerializeToString())


def hdf5_with(key: str, value: str) -> bytes:
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.attrs[key] = value
    return out.getvalue()


MAKERS: dict[str, Callable[[str, str], bytes]] = {
    "m.safetensors": lambda key, value: save({"w": normal(4)}, metadata={key: value}),
    "m.gguf": lambda key, value: gguf([text_pair(key, value)], [row("w", (8,), 0, 0)], bytes(32)),
    "m.onnx": onnx_with,
    "m.h5": hdf5_with,
}


@pytest.mark.parametrize("name", MAKERS)
def test_mdl224_bad_secret_in_metadata(name: str) -> None:
    for key, value in (("notes", f"uploaded with {TOKEN}"), ("db_password", "correct-horse-42")):
        found = only(look_at(MAKERS[name](key, value), name), "MDL224")
        assert value.rsplit(" ", 1)[-1] not in f"{found}"


@pytest.mark.parametrize("name", MAKERS)
def test_mdl224_good_ordinary_metadata(name: str) -> None:
    for key, value in (("license", "apache-2.0"), ("tokenizer.ggml.pre", "llama-bpe"), ("api_key", "<your key>")):
        assert severe(look_at(MAKERS[name](key, value), name)) == []


def test_onnx_library_agrees_on_the_metadata() -> None:
    model = onnx.load_model_from_string(onnx_with("a", "b"))
    assert [(entry.key, entry.value) for entry in model.metadata_props] == [("a", "b")]


def test_compared_is_said_where_there_is_a_base() -> None:
    values = normal(1000)
    data = values.tobytes()
    tensor = Weights("w", "F32", (1000,), Bytes(data), 0, len(data))
    assert [view for view in examine(tensor, tensor, budget()) if isinstance(view, Compared)] == [Compared(None)]
