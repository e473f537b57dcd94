"""The Python interface: `from assaymark import scan`."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

import assaymark
from assaymark import ScanReport, scan
from assaymark.core.clock import FixedClock
from assaymark.core.errors import UsageError
from assaymark.core.verdict import Outcome
from tests.faces.conftest import EVIL, Assay

CLOCK = FixedClock(datetime(2026, 11, 24, 10, tzinfo=UTC))


def test_what_is_public() -> None:
    assert set(assaymark.__all__) == {"ScanReport", "scan"}
    assert all(getattr(assaymark, name) for name in assaymark.__all__)
    assert not hasattr(assaymark, "nothing_of_this_name")
    assert resources.files("assaymark").joinpath("py.typed").is_file()


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, assaymark; print([m for m in sys.modules if m.startswith('assaymark.')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_it_gives_the_report_that_the_command_prints(assay: Assay, folder: Path) -> None:
    from assaymark.app import rules_of
    from assaymark.report import render

    report = scan("model", "evil.pkl", clock=CLOCK)
    assert isinstance(report, ScanReport)
    printed = json.loads(assay("scan", "model", "evil.pkl", "--format", "json").out)
    rendered = json.loads(render("json", report, rules_of(report)))
    assert printed.pop("at") != rendered.pop("at") == "2026-11-24T10:00:00Z"
    assert printed == rendered


def test_the_report_is_the_same_at_any_time_but_for_the_time(folder: Path) -> None:
    assert scan(".", clock=CLOCK) == scan(".", clock=CLOCK)


def test_paths_of_any_kind(folder: Path) -> None:
    assert scan(folder / "evil.pkl").verdict.outcome is Outcome.DENY
    assert scan(os.fspath(folder / "clean.pkl")).verdict.outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "options", [{"fail_on": "x"}, {"persona": "x"}, {"config": "gone.toml"}, {"baseline": {}}, {"baseline": "x"}]
)
def test_a_request_without_sense_raises(folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        scan("clean.pkl", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("paths", [[], ["gone"], [""], ["a\0b"]])
def test_paths_without_sense_raise(folder: Path, paths: list[str]) -> None:
    with pytest.raises(UsageError):
        scan(*paths)


def test_progress_is_told_to_the_end(folder: Path) -> None:
    told: list[tuple[int, int, int, int]] = []
    report = scan(".", progress=lambda *numbers: told.append(numbers))
    assert [files for files, *_ in told] == list(range(1, len(report.files) + 1))
    assert told[-1] == (len(report.files), len(report.files), report.bytes, report.bytes)


def test_what_is_said_of_a_path_that_is_not_there_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash over a whole folder holds, even where it has no file to be told of."""

    def broken(_tree: object) -> object:
        raise KeyError("oh")

    (folder / "model" / "config.json").write_text("{}")  # without it nobody asks what folder this is
    monkeypatch.setattr("assaymark.model.formats.huggingface.views", broken)
    for paths in (["model"], ["model", "clean.pkl"]):
        report = scan(*paths)
        assert [f.id for f in report.findings] == ["CHK001"]
        assert report.verdict.outcome is Outcome.HOLD


def test_one_bad_file_among_good_ones_is_found(folder: Path) -> None:
    for number in range(50):
        (folder / "model" / f"{number}.txt").write_text("words")
    (folder / "model" / "weights.bin").write_bytes(EVIL)
    assert [f.where.path for f in scan("model").findings] == ["weights.bin"]
