"""The release gate: every case by itself, through the same call as the command line makes.

Hostile ones are never allowed, honest ones always are. What the loaders of this environment can show to run, they show; for
loaders that are not installed here `proved.txt` keeps what was shown elsewhere (`python -m tests.gate.prove`).
"""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from assaymark import scan
from tests.gate import benign, beside, containers, formats, pickles, repositories, vetted
from tests.gate.case import Case

MALICIOUS = {
    case.name: case
    for module in (pickles, vetted, containers, formats, repositories, beside)
    for case in module.cases()
}
PROVED = Path(__file__).parent / "proved.txt"
HERE = frozenset({"pickle", "joblib", "numpy", "pandas", "yaml", "jinja", "python"})
"""Loaders of the locked environment."""


@cache
def honest() -> dict[str, Case]:
    return {case.name: case for case in (*benign.cases(), *beside.honest())}


def write(case: Case, folder: Path) -> Path:
    """The case as files; the path of the first."""
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / next(iter(case.files))


def verdict(case: Case, folder: Path) -> tuple[str, list[str]]:
    write(case, folder)
    report = scan(folder, cache=False, config="", jobs=1)
    assert not [f.message for f in report.findings if f.id == "CHK001"]
    said = [f"{f.id} {f.severity.word} {f.where.path} {f.message}" for f in report.findings]
    return report.verdict.outcome.value, said


def test_there_is_enough_of_each() -> None:
    kinds = Counter(name.split("/")[0] for name in MALICIOUS)
    assert len(MALICIOUS) >= 200
    assert min(kinds.values()) >= 3, kinds
    assert len(honest()) >= 80


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_hostile_one_is_stopped(name: str, tmp_path: Path) -> None:
    case = MALICIOUS[name]
    outcome, said = verdict(case, tmp_path)
    assert outcome == case.outcome, said


def test_the_honest_ones_are_allowed(tmp_path: Path) -> None:
    for number, case in enumerate(honest().values()):
        outcome, said = verdict(case, tmp_path / str(number))
        assert (outcome, [line for line in said if " info " not in line and " low " not in line]) == ("allow", []), (
            case.name
        )


@pytest.fixture(scope="module")
def loaders() -> Iterator["subprocess.Popen[str]"]:
    script = Path(__file__).parent / "loaders.py"
    child = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    yield child
    child.communicate()


def ask(child: "subprocess.Popen[str]", loader: str, path: Path) -> str:
    assert child.stdin
    assert child.stdout
    child.stdin.write(f"{loader} {path}\n")
    child.stdin.flush()
    return child.stdout.readline().strip()


@pytest.mark.parametrize("name", [name for name, case in MALICIOUS.items() if case.loader in HERE])
def test_it_really_runs(name: str, loaders: "subprocess.Popen[str]", tmp_path: Path) -> None:
    case = MALICIOUS[name]
    assert ask(loaders, case.loader, write(case, tmp_path)) == "yes"


def test_the_proof_can_fail(loaders: "subprocess.Popen[str]", tmp_path: Path) -> None:
    for case in (honest()["benign-plain/rows"], honest()["benign-plain/protocol 2"]):
        assert ask(loaders, "pickle", write(case, tmp_path)) == "no"


@pytest.mark.parametrize("name", [name for name, case in MALICIOUS.items() if case.loader not in {"", *HERE}])
def test_it_was_shown_elsewhere(name: str) -> None:
    case = MALICIOUS[name]
    kept = dict(line.split(" ", 1)[::-1] for line in PROVED.read_text().splitlines() if line[:1] != "#")
    assert kept.get(f"{case.loader} {name}") == digest(case), (
        "run `python -m tests.gate.prove` where its loader is installed"
    )


def digest(case: Case) -> str:
    """Of every name and content."""
    total = hashlib.sha256()
    for name, content in case.files.items():
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()
