"""`assay scan`: exit codes, forms, outputs, and what each option changes."""

import json
import os
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema_rs
import pytest

from assaymark.report.schemas import schema
from tests.faces.conftest import CLEAN, EVIL, Assay

FORMATS = ("text", "json", "sarif", "junit", "markdown", "html")


def report(assay: Assay, *arguments: object) -> dict[str, object]:
    ran = assay("scan", "--format", "json", *arguments)
    document = json.loads(ran.out)
    jsonschema_rs.validate(schema("scan-report-v1"), document)
    return document


def ids(document: dict[str, object], part: str = "findings") -> list[str]:
    return [finding["id"] for finding in document[part]]  # type: ignore[attr-defined] # a list


# Exit codes


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clean.pkl"], 0),
        (["model"], 0),
        (["evil.pkl"], 1),
        (["unknown.pkl"], 3),
        (["."], 1),
        (["clean.pkl", "unknown.pkl"], 3),
        (["clean.pkl", "evil.pkl", "unknown.pkl"], 1),
        (["unknown.pkl", "--fail-on", "medium"], 1),
        (["unknown.pkl", "--fail-on", "critical"], 3),
        (["evil.pkl", "--exit-zero"], 0),
        (["unknown.pkl", "--exit-zero"], 0),
    ],
)
def test_exit_code(assay: Assay, arguments: list[str], code: int) -> None:
    assert assay("scan", *arguments).code == code


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["gone.pkl"],
        ["clean.pkl", "gone.pkl"],
        ["clean.pkl", "--format", "pdf"],
        ["clean.pkl", "--no-such-option"],
        ["clean.pkl", "--fail-on", "terrible"],
        ["clean.pkl", "--persona", "boss"],
        ["clean.pkl", "--output", "json"],
        ["clean.pkl", "--output", "pdf:x"],
        ["clean.pkl", "--output", "json:"],
        ["clean.pkl", "--evidence", "e.json"],
        ["clean.pkl", "--key", "k"],
        ["clean.pkl", "--evidence", "e.json", "--key", "gone"],
        ["clean.pkl", "--baseline", "gone.json"],
        ["clean.pkl", "--baseline", "clean.pkl"],
        ["clean.pkl", "--config", "gone.toml"],
        ["clean.pkl", "--jobs", "0"],
        ["clean.pkl", "--timeout", "0"],
        ["clean.pkl", "--exit-zero", "--fail-on", "terrible"],
    ],
)
def test_a_request_without_sense_exits_2_and_prints_no_report(assay: Assay, arguments: list[str]) -> None:
    ran = assay("scan", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["empty", "notes.md"])
def test_nothing_looked_at_is_a_hold(assay: Assay, folder: Path, name: str) -> None:
    (folder / "empty").mkdir()
    (folder / "notes.md").write_text("just words\n")
    ran = assay("scan", name)
    assert ran.code == 3
    assert "HOLD" in ran.out
    assert "no file of a kind that any check reads was found" in ran.out


def test_a_bug_of_ours_exits_70_in_two_lines(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("assaymark.app.scan", broken)
    ran = assay("scan", "clean.pkl")
    assert (ran.code, ran.out) == (70, "")
    assert ran.err.splitlines() == [
        "assay: a bug of ours: ZeroDivisionError: oh",
        "  next: run again with --debug and report what it shows",
    ]
    assert "Traceback" in assay("--debug", "scan", "clean.pkl").err


def test_ctrl_c_exits_130(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assaymark.app.scan", interrupted)
    ran = assay("scan", "clean.pkl")
    assert (ran.code, ran.out) == (130, "")
    assert "interrupted" in ran.err


def test_an_error_is_one_or_two_lines_with_the_next_step(assay: Assay) -> None:
    ran = assay("scan", "clean.pkl", "--output", "pdf:x")
    assert ran.err.splitlines() == [
        "assay: --output 'pdf:x' is not FORMAT:FILE",
        "  next: formats are text, json, sarif, junit, markdown, html",
    ]
    assert "Traceback" in assay("--debug", "scan", "clean.pkl", "--output", "pdf:x").err


# Forms and outputs


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("path", ["clean.pkl", "evil.pkl", "."])
def test_in_every_form_stdout_is_the_document_and_stderr_is_silent(assay: Assay, form: str, path: str) -> None:
    ran = assay("scan", path, "--format", form)
    assert ran.err == ""
    assert ran.code == (0 if path == "clean.pkl" else 1)
    assert ran.out.endswith("\n")
    assert "os.system" in ran.out or path == "clean.pkl"
    match form:
        case "json":
            jsonschema_rs.validate(schema("scan-report-v1"), json.loads(ran.out))
        case "sarif":
            assert json.loads(ran.out)["version"] == "2.1.0"
        case "junit":
            assert ET.fromstring(ran.out).tag in {"testsuites", "testsuite"}
        case "html":
            assert ran.out.lower().startswith("<!doctype html>")
            assert ran.out.rstrip().endswith("</html>")


def test_a_place_that_cannot_be_written_is_an_error(assay: Assay) -> None:
    ran = assay("scan", "clean.pkl", "--output", "json:no/such/folder/x.json")
    assert ran.code == 2
    assert ran.err.startswith("assay: cannot write no/such/folder/x.json: No such file or directory")


def test_several_outputs_in_one_run(assay: Assay, folder: Path) -> None:
    outputs = [f"--output={form}:{form}.out" for form in FORMATS]
    ran = assay("scan", "evil.pkl", "--format", "sarif", *outputs)
    assert ran.code == 1
    assert (folder / "sarif.out").read_text() == ran.out
    for form in FORMATS:
        assert (folder / f"{form}.out").stat().st_size > 100
    assert json.loads((folder / "json.out").read_text())["schema"] == "assaymark/scan-report/v1"
    assert "\x1b" not in (folder / "text.out").read_text()


def test_an_output_is_replaced_as_a_whole(assay: Assay, folder: Path) -> None:
    (folder / "out.json").write_text("old " * 100_000)
    assay("scan", "clean.pkl", "-o", "json:out.json")
    assert json.loads((folder / "out.json").read_text())["verdict"]["outcome"] == "allow"
    assert [name for name in os.listdir(folder) if name.startswith(".assay-")] == []


# Colour, quiet, verbose


def test_a_pipe_gets_no_colour(assay: Assay) -> None:
    assert "\x1b" not in assay("scan", "evil.pkl").out


def test_color_as_the_user_says(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in assay("scan", "evil.pkl", "--color", "always").out
    assert "\x1b[" not in assay("scan", "evil.pkl", "--color", "always", "--format", "json").out
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert "\x1b[" in assay("scan", "evil.pkl").out
    assert "\x1b" not in assay("scan", "evil.pkl", "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in assay("scan", "evil.pkl").out
    assert "\x1b[" in assay("scan", "evil.pkl", "--color", "always").out


def test_colour_is_never_alone(assay: Assay) -> None:
    import re

    painted = assay("scan", ".", "--color", "always").out
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == assay("scan", ".").out


def test_quiet_is_one_line(assay: Assay) -> None:
    (line,) = assay("scan", "evil.pkl", "-q").out.splitlines()
    assert "DENY" in line
    assert "1 critical" in line


def test_verbose_names_every_check(assay: Assay) -> None:
    assert "MDL002" not in assay("scan", "clean.pkl").out
    assert "MDL002" in assay("scan", "clean.pkl", "-v").out


# What is shown, and judged


def test_persona(assay: Assay, folder: Path) -> None:
    inner = b"]."
    (folder / "nested.pkl").write_bytes(b"\x80\x04ctorch.storage\n_load_from_bytes\nC\x02" + inner + b"\x85R.")
    regular, auditor = report(assay, "nested.pkl"), report(assay, "nested.pkl", "--persona", "auditor")
    assert (ids(regular), regular["summary"]["hidden"]) == ([], 1)  # type: ignore[index]
    assert (ids(auditor), auditor["summary"]["hidden"]) == (["MDL007"], 0)  # type: ignore[index]


def test_fail_on_changes_the_policy(assay: Assay) -> None:
    assert report(assay, "clean.pkl")["policy"] != report(assay, "clean.pkl", "--fail-on", "low")["policy"]
    assert report(assay, "clean.pkl")["policy"] == report(assay, "model", "--fail-on", "high")["policy"]


def test_a_baseline_takes_what_it_knows_out_of_the_verdict(assay: Assay, folder: Path) -> None:
    assert assay("scan", "model", "evil.pkl", "-o", "json:base.json").code == 1
    again = assay("scan", "model", "evil.pkl", "--baseline", "base.json", "-o", "json:base2.json")
    assert again.code == 0
    assert "1 known by the baseline" in again.out
    known = json.loads((folder / "base2.json").read_text())
    assert (ids(known), ids(known, "known")) == ([], ["MDL001"])
    # what was known to a baseline stays known to the next one
    assert assay("scan", "model", "evil.pkl", "--baseline", "base2.json").code == 0
    # something new is judged
    (folder / "model" / "new.pkl").write_bytes(EVIL)
    newer = report(assay, "model", "evil.pkl", "--baseline", "base2.json")
    assert [f["path"] for f in newer["findings"]] == ["model/new.pkl"]  # type: ignore[attr-defined]
    assert newer["verdict"]["outcome"] == "deny"  # type: ignore[index]


def test_an_ignore_needs_today_to_be_before_its_end(assay: Assay, folder: Path) -> None:
    def settings(expires: date) -> None:
        entry = f'id = "MDL001"\npath = "evil.pkl"\nreason = "a test"\nowner = "ann"\nexpires = {expires}\n'
        (folder / "assaymark.toml").write_text(f"[[ignore]]\n{entry}")

    today = datetime.now(UTC).date()
    settings(today)
    accepted = report(assay, "evil.pkl")
    assert accepted["verdict"]["outcome"] == "allow"  # type: ignore[index]
    assert accepted["ignored"][0]["owner"] == "ann"  # type: ignore[index]
    assert report(assay, "evil.pkl", "--no-config")["verdict"]["outcome"] == "deny"  # type: ignore[index]
    settings(today - timedelta(days=1))
    ran = assay("scan", "evil.pkl", "-v")
    assert ran.code == 1
    assert "its findings count again" in ran.out
    settings(today + timedelta(days=100))
    assert assay("scan", "evil.pkl").code == 2


def test_settings_inside_of_what_is_scanned_do_not_count(assay: Assay, folder: Path) -> None:
    (folder / "model" / "assaymark.toml").write_text('fail_on = "critical"\nexclude = ["*"]\n')
    (folder / "model" / "evil.pkl").write_bytes(EVIL)
    assert assay("scan", "model").code == 1


def test_no_digest(assay: Assay) -> None:
    bare = report(assay, "model", "--no-digest")
    assert {file["sha256"] for file in bare["files"]} == {None}  # type: ignore[attr-defined]
    assert bare["roots"][0]["digest"] is None  # type: ignore[index]
    assert bare["verdict"]["outcome"] == "allow"  # type: ignore[index]
    assert assay("scan", "evil.pkl", "--no-digest").code == 1


def test_exclude_is_shown_and_changes_the_digest(assay: Assay, folder: Path) -> None:
    whole, part = report(assay, "model"), report(assay, "model", "--exclude", "deep")
    assert part["coverage"]["excluded"] == [{"what": "deep", "why": "excluded by --exclude"}]  # type: ignore[index]
    assert whole["roots"][0]["digest"] != part["roots"][0]["digest"]  # type: ignore[index]
    assert [file["path"] for file in part["files"]] == ["a.pkl"]  # type: ignore[attr-defined]
    assert "excluded by --exclude" in assay("scan", "model", "--exclude", "deep", "-v").out
    (folder / "model" / "evil.pkl").write_bytes(EVIL)
    assert assay("scan", "model", "--exclude", "*.pkl").code == 3


def test_exclude_from_settings(assay: Assay, folder: Path) -> None:
    (folder / "assaymark.toml").write_text('exclude = ["evil*", "unknown*"]\n')
    assert assay("scan", ".").code == 0
    assert report(assay, ".", "--config", "assaymark.toml")["coverage"]["excluded"]  # type: ignore[index]


def test_the_git_store_is_left_out_and_said_so(assay: Assay, folder: Path) -> None:
    (folder / "model" / ".git").mkdir()
    (folder / "model" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    before = report(assay, "model")
    assert before["coverage"]["excluded"][0]["what"] == ".git"  # type: ignore[index]
    (folder / "model" / ".git" / "HEAD").unlink()
    (folder / "model" / ".git" / "evil.pkl").write_bytes(EVIL)
    assert assay("scan", "model").code == 1


def test_the_digest_of_one_file_is_its_sha256(assay: Assay) -> None:
    import hashlib

    (root,) = report(assay, "clean.pkl")["roots"]  # type: ignore[misc]
    digest = f"sha256:{hashlib.sha256(CLEAN).hexdigest()}"
    assert root == {"path": "clean.pkl", "folder": False, "digest": digest, "source": None}


def test_several_paths_keep_apart(assay: Assay) -> None:
    document = report(assay, "model", "evil.pkl")
    assert [f["path"] for f in document["files"]] == ["model/a.pkl", "model/deep/b.pkl", "evil.pkl"]  # type: ignore[attr-defined]
    assert [f["location"] for f in document["findings"]] == ["evil.pkl @0"]  # type: ignore[attr-defined]


def test_paths_of_the_same_name_are_numbered(assay: Assay, folder: Path) -> None:
    for place in ("other/model", "1/model"):
        (folder / place).mkdir(parents=True)
        (folder / place / "a.pkl").write_bytes(EVIL + place.encode())
    alone = {path: report(assay, path)["roots"][0]["digest"] for path in ("model", "other/model", "1")}  # type: ignore[index]
    document = report(assay, "model", "other/model", "1")
    assert {r["path"]: r["digest"] for r in document["roots"]} == alone  # type: ignore[attr-defined]
    assert len(set(alone.values())) == 3
    paths = ["1/model/a.pkl", "1/model/deep/b.pkl", "2/model/a.pkl", "3/1/model/a.pkl"]
    assert [f["path"] for f in document["files"]] == paths  # type: ignore[attr-defined]
    places = {f["location"].split(" ")[0] for f in document["findings"]}  # type: ignore[attr-defined]
    assert places == {"other/model/a.pkl", "1/model/a.pkl"}


def test_the_same_path_twice_is_looked_at_twice(assay: Assay) -> None:
    assert report(assay, "model", "model")["summary"]["files"] == 4  # type: ignore[index]


def test_locations_are_as_the_user_types_them(assay: Assay, folder: Path) -> None:
    places = {f["location"] for f in report(assay, ".")["findings"]}  # type: ignore[attr-defined]
    assert "evil.pkl @0" in places
    assert report(assay, folder / "evil.pkl")["findings"][0]["location"] == f"{folder}/evil.pkl @0"  # type: ignore[index]


def test_many_jobs_say_the_same_as_one(assay: Assay, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assaymark.survey._POOL_FROM_FILES", 2)
    one, many = report(assay, ".", "--jobs", "1"), report(assay, ".", "--jobs", "3")
    for document in (one, many):
        del document["at"]
    assert one == many


def test_a_lost_worker_holds(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    from assaymark import survey

    def dying(task: list[object]) -> dict[str, object]:
        if str(task[0]).endswith("a.pkl"):
            os._exit(9)
        return real(task)

    real = survey._work
    monkeypatch.setattr(survey, "_POOL_FROM_FILES", 2)
    monkeypatch.setattr(survey, "_work", dying)
    document = report(assay, "model", "--jobs", "2")
    (finding,) = document["findings"]  # type: ignore[misc]
    assert (finding["id"], finding["path"]) == ("CHK001", "a.pkl")
    assert document["verdict"]["outcome"] == "hold"  # type: ignore[index]


def test_a_reader_that_goes_away_is_no_error(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m assaymark scan . -v --format json | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
