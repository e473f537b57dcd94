"""The fuzzer itself: its inputs depend on the seed alone, and it notices what it is there to notice."""

import importlib.util
import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from assaymark.core.look import unseen
from tests.corpus import corpus

SCRIPT = Path(__file__).parent.parent / "scripts" / "fuzz.py"
NAMES = ("plain4.pkl", "model.pt", "config.json", "requirements.txt")


@pytest.fixture
def fuzz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "fuzz", module)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def inputs(fuzz: ModuleType, seed: int) -> list[bytes]:
    """The first inputs of some formats."""
    formats = [fuzz.Format(name, random.Random(f"{seed} {name}"), [corpus()[name]]) for name in NAMES]
    made = []
    for _ in range(40):
        for entry in formats:
            made.append(fuzz.mutated(entry, formats))
            assert fuzz.look(entry, made[-1]) == ""
    return made


def test_the_inputs_depend_on_the_seed_alone(fuzz: ModuleType) -> None:
    first = inputs(fuzz, 1)
    assert first == inputs(fuzz, 1)
    assert first != inputs(fuzz, 2)
    assert len(set(first)) > 100


@pytest.mark.parametrize("problem", ["CHK001", "memory", "escaped"])
def test_a_failure_is_kept(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    def failing(_data: bytes, name: str) -> object:
        if problem == "escaped":
            raise ZeroDivisionError("oh")
        return unseen(name, 0, "CHK001" if problem == "CHK001" else "CHK003", "pickle: needs more memory than there is")

    monkeypatch.setattr(fuzz, "look_at", failing)
    entry = fuzz.Format("a/b.pkl", random.Random(1), [b"N."])
    failures: Counter[str] = Counter()
    for _ in range(3):
        found = fuzz.watched(entry.name, b"data", lambda: fuzz.look(entry, b"data"))
        fuzz.keep(entry.name, b"data", found, failures)
    assert list(failures.values()) == [3]
    assert [path.read_bytes() for path in Path("fuzz-crashes").iterdir()] == [b"data"]


def test_what_cpython_sees_and_we_do_not_is_a_failure(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = fuzz.differential.Genuine()
    try:
        assert fuzz.compared(genuine, b"cos\nsystem\n.") == ""
        monkeypatch.setattr(fuzz.differential, "seen", lambda _stream: (set(), False))
        assert fuzz.compared(genuine, b"cos\nsystem\n.") == "not seen: ('os', 'system')"
    finally:
        genuine.close()
