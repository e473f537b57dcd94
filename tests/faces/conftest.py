"""The command line in this process, in a folder of its own, with a home of its own."""

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from assaymark.faces.cli import run

CLEAN = pickle.dumps({"weights": [0.5] * 8, "name": "small"})
EVIL = b"cos\nsystem\n(S'true'\ntR."
UNKNOWN = b"cnobody.knows\nThis\n)\x81."


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Assay = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `clean.pkl`, `evil.pkl`, `unknown.pkl`, and `model/` with two clean files."""
    place = tmp_path / "work"
    (place / "model" / "deep").mkdir(parents=True)
    for name, content in (
        ("clean.pkl", CLEAN),
        ("evil.pkl", EVIL),
        ("unknown.pkl", UNKNOWN),
        ("model/a.pkl", CLEAN),
        ("model/deep/b.pkl", CLEAN + b""),
    ):
        (place / name).write_bytes(content)
    monkeypatch.chdir(place)
    monkeypatch.setenv("ASSAY_HOME", os.fspath(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY_PASSWORD", raising=False)
    return place


@pytest.fixture
def assay(folder: Path, capsys: pytest.CaptureFixture[str]) -> Assay:
    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call
