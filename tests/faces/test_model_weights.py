"""`assay model weights`: reports, exit codes, and where it reads."""

import json
from pathlib import Path

import jsonschema_rs
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

from tests.faces.conftest import Assay

ROOT = Path(__file__).parent.parent.parent
RANDOM = np.random.default_rng(7)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0\x01\0\0\0" + bytes(28) + b"\x40\0\x38\0\1\0\x40\0\0\0\0\0"


def normal(*shape: int) -> np.ndarray:
    return (RANDOM.standard_normal(shape) * 0.02).astype("f4")


@pytest.fixture
def model(folder: Path) -> Path:
    """`plain/` in two shards."""
    place = folder / "plain"
    place.mkdir()
    for shard in (1, 2):
        layers = {f"layers.{n}.w": normal(64, 64) for n in range(6 * shard - 6, 6 * shard)}
        save_file(layers, place / f"model-0000{shard}-of-00002.safetensors")
    return place


def test_sums_and_verdict(assay: Assay, model: Path) -> None:
    ran = assay("model", "weights", "plain")
    assert (ran.code, ran.err) == (0, "")
    assert "12 tensors, 49,152 parameters, 196,608 bytes" in ran.out
    assert "ALLOW" in ran.out
    assert "layers.3.w  F32 64x64" in assay("model", "weights", "plain", "-v").out


def test_json_is_one_document_by_its_schema(assay: Assay, model: Path, folder: Path) -> None:
    ran = assay("model", "weights", "plain", "--format", "json", "-o", "json:w.json", "-o", "sarif:w.sarif")
    assert ran.code == 0
    document = json.loads(ran.out)
    for name in ("weights-report-v1", "scan-report-v1"):
        schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text())
        jsonschema_rs.validator_for(schema).validate(document if name[0] == "w" else document["scan"])
    assert document["sum"]["tensors"] == 12
    assert {t["name"] for file in document["files"] for t in file["tensors"]} == {f"layers.{n}.w" for n in range(12)}
    assert json.loads((folder / "w.json").read_text())["sum"] == document["sum"]
    assert json.loads((folder / "w.sarif").read_text())["version"] == "2.1.0"


def test_a_program_denies_and_names_no_byte_of_it(assay: Assay, folder: Path) -> None:
    raw = bytearray(normal(4096).tobytes())
    raw[512 : 512 + len(ELF)] = ELF
    save_file({"w": np.frombuffer(bytes(raw), "f4")}, folder / "evil.safetensors")
    ran = assay("model", "weights", "evil.safetensors")
    assert ran.code == 1
    assert "MDL222" in ran.out
    assert assay("model", "weights", "evil.safetensors", "--fail-on", "critical").code == 0


def test_layers_of_several_shards_are_held_beside_each_other(assay: Assay, model: Path, folder: Path) -> None:
    save_file({f"layers.{n}.w": normal(64, 64) * (5000 if n == 9 else 1) for n in range(6, 12)},
              model / "model-00002-of-00002.safetensors")  # fmt: skip
    for paths in (["plain"], ["plain", "clean.pkl"], ["clean.pkl", "plain"]):
        ran = assay("model", "weights", *paths)
        assert "layers.9.w" in ran.out, paths
        assert ran.out.count("MDL226 The values") == 1


def test_base_shows_what_was_written_into_low_bits(assay: Assay, folder: Path) -> None:
    base = normal(65_536)
    ours = base.copy()
    words = ours.view("u4")
    words[:20_000] = words[:20_000] & ~np.uint32(15) | RANDOM.integers(0, 16, 20_000, "u4")
    save_file({"w": base}, folder / "base.safetensors")
    save_file({"w": ours}, folder / "ours.safetensors")
    ran = assay("model", "weights", "ours.safetensors", "--base", "base.safetensors")
    assert ran.code == 3
    assert "MDL229" in ran.out
    assert "1 compared with base.safetensors" in ran.out
    assert assay("model", "weights", "ours.safetensors").code == 0
    assert assay("model", "weights", "base.safetensors", "--base", "base.safetensors").code == 0


def test_a_base_that_is_none(assay: Assay, model: Path, folder: Path) -> None:
    save_file({"other": normal(4)}, folder / "other.safetensors")
    for base in ("other.safetensors", "nowhere"):
        ran = assay("model", "weights", "plain", "--base", base)
        assert ran.code == 2
        assert ran.err


def test_onnx_data_in_other_files_stays_below_the_folder(assay: Assay, folder: Path) -> None:
    values = normal(64, 64)
    values[0, 0] = np.nan
    made = helper.make_model(helper.make_graph([], "g", [], [], [numpy_helper.from_array(values, "w")]))
    onnx.save(made, folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert "1 NaN" in assay("model", "weights", "m.onnx").out
    (folder / "m.data").rename(folder.parent / "m.data")
    assert assay("model", "weights", "m.onnx").code == 3
    (folder / "m.data").symlink_to(folder.parent / "m.data")
    assert assay("model", "weights", "m.onnx").code == 3


def test_what_cannot_be_looked_at_is_never_clean(assay: Assay, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert assay("model", "weights", "empty").code == 3
    (folder / "cut.safetensors").write_bytes(b"\x10")
    assert assay("model", "weights", "cut.safetensors").code == 3
    assert assay("model", "weights", "nowhere").code == 2
    assert assay("model", "weights", "clean.pkl", "-o", "x").code == 2
