"""A scan asks the sandbox by itself, and leaves nothing of it behind."""

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assaymark import survey
from assaymark.app import scan
from assaymark.core.scan import ScanReport
from assaymark.sandbox.witness import Sandbox
from tests.jobs.test_pool import children

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux can lock a process down"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
KILLER = b"\x80\x04}(" + b")" + b"\x85" * 2_000_000 + b"Nu."


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = children(), set(os.listdir("/proc/self/fd"))
    yield
    assert (children(), set(os.listdir("/proc/self/fd"))) == before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(30):
        (tmp_path / f"{number}.pkl").write_bytes(pickle.dumps({"weights": [number / 7] * 50}))
    return tmp_path


def scanned(folder: Path, **options: object) -> ScanReport:
    return scan(folder, config="", cache=False, **options)  # type: ignore[arg-type]


def test_every_pickle_is_asked_about(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    ask = Sandbox.ask
    monkeypatch.setattr(Sandbox, "ask", lambda self, *rest: (asked.append(rest[1]), ask(self, *rest))[1])
    report = scanned(folder, jobs=1)
    assert (report.findings, report.gaps, len(asked)) == ((), (), 30)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_kills_the_unpickler_is_the_only_one_that_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(survey, "_POOL_FROM_FILES", 2)
    (folder / "killer.pkl").write_bytes(KILLER)
    report = scanned(folder, jobs=jobs)
    assert {(f.where.path, f.id) for f in report.findings} == {("killer.pkl", "MDL011")}


def test_ctrl_c_leaves_no_child(folder: Path) -> None:
    def interrupt(done: int, *_: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scanned(folder, jobs=1, progress=interrupt)


def test_what_holds_no_pickle_makes_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was made"))
    (tmp_path / "notes.txt").write_text("no pickle\n")
    assert scanned(tmp_path, jobs=1).findings == ()
