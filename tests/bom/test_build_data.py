"""`assay bom build`: folders and files of data, Croissant, DVC, cards of datasets."""

import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark import boms
from assaymark.bom.build.data.rows import parquet
from assaymark.bom.document import Bom, Status
from assaymark.core.blob import Bytes
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom import made

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def _edges(bom: Bom, kind: EdgeKind) -> set[tuple[str, str]]:
    return {(r.source, r.target) for r in bom.relations if r.kind is kind}


def _gaps(bom: Bom) -> set[tuple[str, str]]:
    return {(gap.ref, gap.what) for gap in bom.gaps}


def test_a_folder_of_data_and_its_files(tmp_path: Path) -> None:
    made.write(tmp_path / "p/data/train.csv", 'text,label\n"a, with a comma\nand a line",1\nb,0\n')
    made.write(tmp_path / "p/data/test.jsonl", '{"a": 1}\n{"a": 2}')
    made.write(tmp_path / "p/other.tsv", "1\t2\n3\t4\n")
    made.write(tmp_path / "p/results.csv", "epoch,loss\n1,2\n")
    made.write(tmp_path / "p/requirements.txt", "numpy==1.0\n")
    bom = boms.build(tmp_path / "p")
    data = {c.ref for c in bom.components if c.kind is NodeKind.DATA}
    assert data == {"data:data", "data:data/train.csv", "data:data/test.jsonl", "data:other.tsv"}
    folder = bom.component("data:data")
    assert (folder.value("rows"), folder.value("files")) == (4, 2)
    assert folder.value("splits") == {"test": 2, "train": 2}
    train = bom.component("data:data/train.csv")
    assert train.value("columns") == [{"name": "text"}, {"name": "label"}]
    assert train.text("sha256") == hashlib.sha256((tmp_path / "p/data/train.csv").read_bytes()).hexdigest()
    assert bom.component("data:other.tsv").value("rows") == 2
    assert {("data:data", "data:data/train.csv"), ("file:.", "data:data"), ("file:.", "data:other.tsv")} <= _edges(
        bom, EdgeKind.CONTAINS
    )
    assert not _edges(bom, EdgeKind.TRAINED_ON)


def test_images_in_folders_of_classes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(15):
            made.write(tmp_path / f"photos/train/{name}/{number}.png", PNG)
    made.write(tmp_path / "docs/logo.png", PNG)
    bom = boms.build(tmp_path)
    photos = bom.component("data:photos")
    assert (photos.value("files"), photos.value("rows"), photos.value("splits")) == (30, 30, {"train": 30})
    assert photos.value("modalities") == ["image"]
    assert "data:docs" not in {c.ref for c in bom.components}


def test_a_python_package_called_data_is_no_dataset(tmp_path: Path) -> None:
    made.write(tmp_path / "data/__init__.py", "")
    made.write(tmp_path / "data/words.json", "{}")
    assert not [c for c in boms.build(tmp_path).components if c.kind is NodeKind.DATA]


def test_croissant_digests_are_held_against_the_bytes(tmp_path: Path) -> None:
    made.write(tmp_path / "data/train.csv", "a,b\n1,2\n")
    digest = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    document = {
        "@context": {"cr": "http://mlcommons.org/croissant/"}, "@type": "sc:Dataset", "name": "Films", "version": "1.2.0",
        "license": "https://creativecommons.org/licenses/by/4.0/", "creator": {"@type": "Organization", "name": "Example"},
        "distribution": [
            {"@type": "cr:FileObject", "@id": "train", "contentUrl": "data/train.csv", "sha256": digest, "encodingFormat": "text/csv"},
            {"@type": "cr:FileObject", "@id": "far.zip", "contentUrl": "https://example.org/far.zip", "sha256": "e" * 64, "contentSize": "77 B"},
            {"@type": "cr:FileSet", "@id": "set"},
        ],
        "recordSet": [{"@type": "cr:RecordSet", "field": [{"name": "a", "dataType": "sc:Integer"}, {"name": "b"}]}],
    }  # fmt: skip
    made.write(tmp_path / "croissant.json", document)
    bom = boms.build(tmp_path)
    films = bom.component("data:Films")
    assert [films.text(name) for name in ("name", "version", "license", "supplier")] == [
        "Films",
        "1.2.0",
        "CC-BY-4.0",
        "Example",
    ]
    assert films.value("columns") == [{"name": "a", "type": "sc:Integer"}, {"name": "b"}]
    assert bom.component("data:data/train.csv").facts["sha256"].status is Status.VERIFIED
    far = bom.component("data:Films/far.zip")
    assert (far.value("size"), far.text("sha256"), far.facts["sha256"].status) == (77, "e" * 64, Status.DECLARED)
    document["distribution"][0]["sha256"] = "f" * 64  # type: ignore[index] # a list, above
    made.write(tmp_path / "croissant.json", document)
    assert ("data:data/train.csv", "sha256") in _gaps(boms.build(tmp_path))


@pytest.mark.parametrize("document", [
    {"distribution": "x"}, {"distribution": [1, None, {"@type": ["cr:FileObject"], "contentUrl": {"@id": [[]]}, "sha256": 5}]},
    {"name": [[["x"]]], "recordSet": {"field": {"name": {"a": 1}}}, "inLanguage": [1]}, {"name": "../../etc"},
])  # fmt: skip
def test_hostile_croissant(tmp_path: Path, document: dict[str, object]) -> None:
    made.write(tmp_path / "croissant.json", {"@context": "http://mlcommons.org/croissant/", **document})
    json.loads(boms.render(boms.build(tmp_path), "json"))


def test_dvc_outputs_and_stages(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n"
    made.write(tmp_path / "data/train.csv", data)
    made.write(
        tmp_path / "data/train.csv.dvc",
        f"outs:\n- md5: {hashlib.md5(data, usedforsecurity=False).hexdigest()}\n  size: 8\n  path: train.csv\n",
    )
    made.write(tmp_path / "far.dvc", f"outs:\n- md5: {'1' * 32}.dir\n  size: 99\n  nfiles: 3\n  path: far\n")
    made.estimator(tmp_path / "model.pkl")
    made.write(tmp_path / "dvc.lock", f"""schema: '2.0'
stages:
  train:
    cmd: python train.py
    deps:
    - path: data/train.csv
      md5: {hashlib.md5(data, usedforsecurity=False).hexdigest()}
    - path: train.py
      md5: {"2" * 32}
    outs:
    - path: model.pkl
      md5: {"3" * 32}
""")  # fmt: skip
    bom = boms.build(tmp_path)
    assert bom.component("data:data/train.csv").facts["md5"].status is Status.VERIFIED
    far = bom.component("data:far")
    assert (far.value("size"), far.value("files"), far.facts["path"].status) == (99, 3, Status.DECLARED)
    assert (bom.subject, "data:data/train.csv") in _edges(bom, EdgeKind.TRAINED_ON)
    assert ("file:model.pkl", "md5") in _gaps(bom)  # the lock is of another one
    assert not [c for c in bom.components if c.ref == "data:train.py"]


def test_a_model_that_only_dvc_knows(tmp_path: Path) -> None:
    made.write(tmp_path / "model.pt.dvc", f"outs:\n- md5: {'1' * 32}\n  size: 99\n  path: model.pt\n")
    model = boms.build(tmp_path).component("model:model.pt")
    assert (model.kind, model.text("md5")) == (NodeKind.MODEL, "1" * 32)


@pytest.mark.parametrize("text", ["outs: x\n", "outs:\n- path: ../../etc/passwd\n  md5: " + "1" * 32, "- a\n", "outs:\n- {path: [a], md5: {b: c}}\n", "stages: [1]\n", "{"])  # fmt: skip
def test_hostile_dvc(tmp_path: Path, text: str) -> None:
    made.write(tmp_path / "x.dvc", text)
    made.write(tmp_path / "dvc.lock", text)
    bom = boms.build(tmp_path)
    assert not any(".." in c.ref for c in bom.components)


def test_a_dataset_repository(tmp_path: Path) -> None:
    made.write(tmp_path / "set/README.md", """---
license: cc-by-4.0
language: [en, de]
task_categories: [text-classification]
source_datasets: [extended|org/parent]
dataset_info:
  features:
  - name: text
    dtype: string
  splits:
  - name: train
    num_examples: 25000
  - name: test
    num_examples: 5000
---
## Source Data

Forums.
""")  # fmt: skip
    made.write(tmp_path / "set/data/train.jsonl", '{"text": "a"}\n')
    bom = boms.build(tmp_path / "set")
    data = bom.component("data:.")
    assert [data.value(name) for name in ("name", "license", "rows", "languages")] == [
        "set",
        "CC-BY-4.0",
        30_000,
        ["en", "de"],
    ]
    assert data.value("splits") == {"test": 5000, "train": 25000}
    assert data.text("collection") == "Forums."
    assert ("data:.", "data:data") in _edges(bom, EdgeKind.CONTAINS)
    assert ("data:.", "data:org/parent") in _edges(bom, EdgeKind.DESCENDANT_OF)
    assert bom.root.kind is NodeKind.FILE


def test_dataset_infos(tmp_path: Path) -> None:
    made.write(tmp_path / "dataset_infos.json", {
        "default": {"splits": {"train": {"num_examples": 7}}, "features": {"a": {}}, "version": {"version_str": "1.0.0"}, "license": "mit"},
        "bad": [], "worse": {"splits": [1], "features": "x", "version": 3},
    })  # fmt: skip
    data = boms.build(tmp_path).component("data:.")
    assert [data.value(name) for name in ("version", "rows", "license")] == ["1.0.0", 7, "mit"]


def test_data_that_git_lfs_keeps(tmp_path: Path) -> None:
    made.write(
        tmp_path / "data/train.parquet",
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'d' * 64}\nsize 123456\n",
    )
    bom = boms.build(tmp_path)
    file = bom.component("data:data/train.parquet")
    assert (file.text("sha256"), file.facts["sha256"].status, file.value("size")) == ("d" * 64, Status.DECLARED, 123456)


def _parquet(rows: int, *names: str) -> bytes:
    """Magic, and a footer with schema and number of rows as thrift's compact protocol writes them."""
    schema = b"\x48\x06schema\x15" + bytes([2 * len(names)]) + b"\x00"
    for name in names:
        schema += b"\x15\x0c\x25\x02\x18" + bytes([len(name)]) + name.encode() + b"\x00"
    footer = (
        b"\x15\x02\x19" + bytes([(len(names) + 1) << 4 | 12]) + schema + b"\x16" + _varint(rows * 2) + b"\x19\x0c\x00"
    )
    return b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1"


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def test_rows_and_columns_of_parquet(tmp_path: Path) -> None:
    made.write(tmp_path / "data/x.parquet", _parquet(123_456, "text", "label"))
    data = boms.build(tmp_path).component("data:data/x.parquet")
    assert data.value("rows") == 123_456
    assert [column["name"] for column in data.value("columns")] == ["text", "label"]


@settings(max_examples=100, deadline=None)
@given(at=st.integers(4, 40), byte=st.integers(0, 255), cut=st.integers(0, 60))
def test_broken_footers_are_refused_or_read(at: int, byte: int, cut: int) -> None:
    good = bytearray(_parquet(5, "text", "label"))
    good[min(at, len(good) - 9)] = byte
    for data in (bytes(good), bytes(good[:cut]), bytes(good[cut:])):
        try:
            assert parquet(Bytes(data)).rows >= 0
        except AssayError:
            continue
