"""`assay bom build`: the command, its outputs, what it costs and what it does not do."""

import json
import os
import sys
import time
from pathlib import Path

import jsonschema_rs
import pytest

from assaymark import boms
from assaymark.bom.document import Status
from assaymark.bom.formats import read
from assaymark.core.errors import Unreadable
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.faces.cli import OK, USAGE, run
from tests.bom import made

FORMS = ("text", "json", "cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx")


@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_written_twice_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    made.eight(tmp_path / "ft")
    assert run(["bom", "build", str(tmp_path / "ft"), "--format", form]) == OK
    first = capsys.readouterr().out
    assert run(["bom", "build", str(tmp_path / "ft"), "--format", form, "-o", f"{form}:{tmp_path}/out"]) == OK
    assert capsys.readouterr().out == first == (tmp_path / "out").read_text()
    if form != "text":
        json.loads(first)


def test_the_neutral_document_is_read_back_to_the_same_bom(tmp_path: Path) -> None:
    bom = boms.build(made.eight(tmp_path / "ft"), at="2026-01-31T12:00:00Z", author="Example Ltd")
    text = boms.render(bom, "json")
    assert read(text.encode(), "x") == bom
    (tmp_path / "bom.json").write_text(text)
    assert boms.read(tmp_path / "bom.json") == bom
    assert (bom.at, bom.author) == ("2026-01-31T12:00:00Z", "Example Ltd")


def test_the_picture_is_short_and_says_what_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "build", str(made.eight(tmp_path / "ft"))]) == OK
    text = capsys.readouterr().out
    assert text.startswith("sentiment-ft  (model)  assaymark-manifest")
    assert "made from   bert-base-uncased @86b5e0934494bd15" in text
    assert "trained on  imdb" in text
    assert "digest unknown" in text
    assert "next: " in text
    assert len(text.split("\n")) < 80


def test_controls_of_a_stranger_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.write(
        tmp_path / "README.md",
        '---\nbase_model: "a\\e[31mb"\nlicense: "x\\u202ey"\nmodel-index: [{name: "n\\e]0;t\\a"}]\n---\n',
    )
    assert run(["bom", "build", str(tmp_path)]) == OK
    assert not {"\x1b", "\x07", "\u202e"} & set(capsys.readouterr().out)


def test_usage(tmp_path: Path) -> None:
    assert run(["bom", "build", str(tmp_path / "none")]) == USAGE
    assert run(["bom", "build", str(tmp_path), "-o", "csv:x"]) == USAGE
    assert run(["bom", "build", str(tmp_path), "-o", "json"]) == USAGE
    assert run(["bom", "build", str(tmp_path), "--at", "now"]) == USAGE


def test_what_is_excluded_is_not_bound(tmp_path: Path) -> None:
    made.eight(tmp_path / "ft")
    whole = boms.build(tmp_path / "ft").root.text("manifest")
    made.write(tmp_path / "ft/tmp/x.csv", "a\n1\n")
    assert boms.build(tmp_path / "ft").root.text("manifest") != whole
    assert boms.build(tmp_path / "ft", exclude=["tmp"]).root.text("manifest") == whole


def test_a_file_that_cannot_be_had_is_no_bom(tmp_path: Path) -> None:
    made.eight(tmp_path / "ft")
    os.mkfifo(tmp_path / "ft/pipe")
    with pytest.raises(Unreadable, match="pipe"):
        boms.build(tmp_path / "ft")


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    made.write(tmp_path / "modeling_x.py", "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n")
    made.write(tmp_path / "config.json", {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}})
    made.write(tmp_path / "pytorch_model.bin", b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00false\x85R.")
    before = set(sys.modules)
    bom = boms.build(tmp_path)
    assert not (tmp_path / "ran").exists()
    assert not {"torch", "transformers", "modeling_x"} & (set(sys.modules) - before)
    assert bom.root.value("runs_code") is True


def test_a_large_model_costs_hashing_and_headers(tmp_path: Path) -> None:
    size = 256 << 20
    header = json.dumps({"w": {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size]}}).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    started = time.process_time()
    assert boms.build(tmp_path).root.value("parameters") == size // 2
    assert time.process_time() - started < 30


def test_a_folder_of_a_thousand_files(tmp_path: Path) -> None:
    for number in range(1_000):
        made.write(
            tmp_path / f"d{number % 10}/f{number}.{('csv', 'py', 'json', 'txt', 'md')[number % 5]}",
            f"a,b\n{number},2\n",
        )
    started = time.process_time()
    assert len(boms.build(tmp_path).components) >= 200
    assert time.process_time() - started < 60


def test_the_document_is_as_its_schema_says(tmp_path: Path) -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs/schemas/bom-v1.schema.json").read_text())
    document = json.loads(
        boms.render(boms.build(made.eight(tmp_path / "ft"), at="2026-01-31T12:00:00Z", author="x"), "json")
    )
    jsonschema_rs.Draft202012Validator(schema).validate(document)
    assert set(schema["properties"]["components"]["items"]["properties"]["kind"]["enum"]) == {
        kind.value for kind in NodeKind
    }
    assert set(schema["properties"]["relations"]["items"]["properties"]["kind"]["enum"]) == {
        kind.value for kind in EdgeKind
    } - {"names"}
    assert set(schema["$defs"]["status"]["enum"]) == {status.value for status in Status}
