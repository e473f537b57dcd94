"""`assay bom validate`, `assay bom convert` and `assay explain BOM…`, as people run them."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from assaymark.bom.formats import read, write
from assaymark.bom.problems.codes import CODES
from assaymark.faces.cli import DENIED, HOLD, OK, USAGE, run
from tests.bom.boms_at_random import model_bom
from tests.bom.cyclonedx_documents import XML, foreign
from tests.bom.test_validate import SOUND, changed

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def saved(folder: Path, name: str, document: Any) -> str:
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return str(folder / name)


def test_a_sound_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "validate", saved(tmp_path, "bom.json", SOUND)]) == OK
    assert capsys.readouterr().out == f"{tmp_path}/bom.json: cyclonedx-1.7, sound\n"


def test_errors_deny_and_are_told_with_place_and_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, "bom.json", changed("/components/1/purl", "torch"))
    assert run(["bom", "validate", file]) == DENIED
    told = capsys.readouterr().out
    assert "1 error, 0 warnings" in told
    assert "BOM005  error    /components/1/purl" in told
    assert "fix: Write it as pkg:TYPE/NAMESPACE/NAME@VERSION" in told


def test_warnings_alone_do_not_deny(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "validate", saved(tmp_path, "bom.json", changed("/metadata/component/hashes", []))]) == OK
    assert "0 errors, 1 warning" in capsys.readouterr().out


def test_the_schema_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, "bom.json", changed("/components/1/purl", "torch"))
    assert run(["bom", "validate", "--schema-only", file]) == OK


def test_what_cannot_be_read_holds_and_the_rest_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, cut = saved(tmp_path, "a.json", SOUND), saved(tmp_path, "b.json", '{"bomFormat": "CycloneDX", ')
    os.mkfifo(tmp_path / "pipe")
    assert run(["bom", "validate", sound, cut, str(tmp_path / "pipe"), str(tmp_path), str(tmp_path / "none")]) == HOLD
    told = capsys.readouterr().out
    assert "a.json: cyclonedx-1.7, sound" in told
    assert told.count("not looked at") == 4
    assert "(at byte 27)" in told


def test_errors_come_before_what_could_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = saved(tmp_path, "a.json", changed("/components/1/purl", "torch"))
    assert run(["bom", "validate", bad, str(tmp_path / "none")]) == DENIED


def test_the_json_report_has_its_published_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = saved(tmp_path, "a.json", changed("/components/1/purl", "torch"))
    assert run(["bom", "validate", "--format", "json", bad, str(tmp_path / "none")]) == DENIED
    report = json.loads(capsys.readouterr().out)
    schema = json.loads((SCHEMAS / "bom-validation-v1.schema.json").read_text("utf-8"))
    jsonschema_rs.Draft202012Validator(schema).validate(report)
    first, second = report["documents"]
    assert (first["valid"], first["format"], first["errors"]) == (False, "cyclonedx-1.7", 1)
    assert first["problems"][0]["at"] == "/components/1/purl"
    assert (second["valid"], "cannot be read" in second["failure"]) == (False, True)


def test_xml_is_looked_at_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "validate", saved(tmp_path, "bom.xml", XML)]) == OK
    assert "cyclonedx-xml-1.6, sound" in capsys.readouterr().out


def test_terminals_get_no_controls_of_a_stranger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["bom", "validate", saved(tmp_path, "bom.json", changed("/components/0/type", "\x1b[2J\u202e"))])
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\u202e" not in told


@pytest.mark.parametrize("form", ["json", "cyclonedx-1.6", "cyclonedx-1.7", "spdx"])
def test_any_document_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    for name, document in (("bom.xml", XML), ("bom.json", foreign("1.7")), ("own.json", write(model_bom(), "json"))):
        file, target = saved(tmp_path, name, document), str(tmp_path / f"out-{name}")
        assert run(["bom", "convert", file, "--to", form, "-o", target]) == OK
        assert read(Path(target).read_bytes(), name).subject
        assert run(["bom", "validate", "--schema-only", target]) == OK


def test_what_the_target_has_no_field_for_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bom", "convert", saved(tmp_path, "bom.json", foreign("1.7")), "--to", "cyclonedx-1.6"]) == OK
    out, told = capsys.readouterr()
    assert json.loads(out)["specVersion"] == "1.6"
    assert "/citations" in told


def test_a_document_that_is_none_is_not_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    assert run(["bom", "convert", saved(tmp_path, "bom.json", "{}"), "--to", "json", "-o", str(target)]) == HOLD
    assert not target.exists()
    assert (
        run(["bom", "convert", saved(tmp_path, "bom.json", SOUND), "--to", "json", "-o", str(tmp_path / "no" / "out")])
        == USAGE
    )


def test_every_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for code in CODES.values():
        assert run(["explain", code.id]) == OK
        told = capsys.readouterr().out
        assert code.title in told and "Why:" in told and "Fix:" in told
    assert run(["explain", "BOM003", "--format", "json"]) == OK
    assert json.loads(capsys.readouterr().out)["id"] == "BOM003"
    assert run(["explain", "BOM999"]) == USAGE
