"""`assaymark.guard`: real objects load, everything else is refused before anything of it runs."""

import contextlib
import importlib.util
import io
import os
import pickle
import subprocess
import sys
import warnings
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from assaymark import guard
from assaymark.core.errors import AssayError, UsageError
from assaymark.model import guard as engine
from assaymark.model import judge as judging
from assaymark.model.machine.table import judge as vetted
from tests.model.bypasses import BYPASSES

REAL = Path(__file__).parent / "real" / "convert"
X = np.random.default_rng(0).random((40, 3))
Y = np.array(["a", "b"] * 20)
RESOLVED: list[tuple[str, str]] = []
"""What any unpickler resolved since the test began; audit hooks cannot be removed."""
ARMED = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if ARMED and event == "pickle.find_class":
        RESOLVED.append((arguments[0], arguments[1]))


sys.addaudithook(_hook)


@pytest.fixture
def resolved() -> Iterator[list[tuple[str, str]]]:
    global ARMED
    RESOLVED.clear()
    ARMED = True
    yield RESOLVED
    ARMED = False


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=0)).fit(X, Y)


# What loads


@pytest.mark.parametrize("protocol", range(6))
def test_real_objects_load(model: Pipeline, protocol: int) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.date_range("2020", periods=2)})
    assert guard.loads(pickle.dumps(frame, protocol=protocol)).equals(frame)
    assert np.array_equal(guard.loads(pickle.dumps(X, protocol=protocol)), X)
    found = guard.loads(pickle.dumps(model, protocol=protocol))
    assert np.array_equal(found.predict(X), model.predict(X))
    value = {"list": [1, 2.5, None, True], "ordered": OrderedDict(a=1), "set": {1}, "bytes": b"\0\xff", "text": "ä"}
    assert guard.loads(pickle.dumps(value, protocol=protocol)) == value


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3)])
def test_joblib_dumps_load(model: Pipeline, tmp_path: Path, compress: Any) -> None:
    objects = np.array(["s", None, {"k": np.ones(2)}], dtype=object)
    joblib.dump({"m": model, "o": objects, "f": np.asfortranarray(X)}, tmp_path / "m.joblib", compress=compress)
    found = guard.load_joblib(tmp_path / "m.joblib")
    assert np.array_equal(found["m"].predict(X), model.predict(X))
    assert np.array_equal(found["f"], X)
    assert found["o"][0] == "s"
    assert np.array_equal(found["o"][2]["k"], np.ones(2))


def test_a_file_loads_with_its_digest(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([1]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert guard.load_pickle(path, digest=digest) == [1]
    assert guard.load_pickle(str(path), digest=f"sha256:{digest}") == [1]
    assert guard.loads(path.read_bytes(), digest=digest) == [1]


def test_old_text_loads_with_an_encoding() -> None:
    assert guard.loads(b"U\x01\xe4.", encoding="latin-1") == "ä"
    with pytest.raises(TypeError):
        guard.loads(b"N.", buffers=[])


# What does not


@pytest.mark.parametrize("name", sorted(BYPASSES))
def test_published_bypasses_are_refused(name: str, resolved: list[tuple[str, str]], tmp_path: Path) -> None:
    """None of them loads, and nothing that the table does not have is ever resolved."""
    (tmp_path / "x.bin").write_bytes(BYPASSES[name].stream)
    for load in (guard.load_pickle, guard.load_joblib):
        with pytest.raises(guard.Refused) as error:
            load(tmp_path / "x.bin")
        assert error.value.step
    assert resolved == []


def test_the_refusal_says_what_why_and_the_next_step() -> None:
    with pytest.raises(guard.Refused) as error:
        guard.loads(b"cnobody.knows\nThis\n)\x81.")
    said = str(error.value)
    assert "nobody.knows.This is not on the table" in said
    assert '{ module = "nobody.knows", name = "This", uses = ["new", "build"] }' in said
    assert "assay model learn" in error.value.step
    assert isinstance(error.value, AssayError)


def test_another_digest_is_refused_before_anything_is_read(tmp_path: Path, resolved: list[tuple[str, str]]) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(OrderedDict(a=1)))
    with pytest.raises(guard.Refused, match="has digest sha256:"):
        guard.load_pickle(path, digest="sha256:" + "0" * 64)
    with pytest.raises(guard.Refused, match="has digest sha256:"):
        guard.loads(path.read_bytes(), digest="")
    assert resolved == []


def test_what_was_judged_is_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is replaced while it is judged, and again by a link: the bytes that were read count."""
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(["good"]))
    genuine = judging.judge

    def slow(*arguments: Any, **options: Any) -> Any:
        path.write_bytes(b"cos\ngetcwd\n)R.")
        return genuine(*arguments, **options)

    monkeypatch.setattr(judging, "judge", slow)
    assert guard.load_pickle(path) == ["good"]
    with pytest.raises(guard.Refused):
        guard.load_pickle(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_only_files_are_read(tmp_path: Path, make: Callable[[str], object]) -> None:
    make(str(tmp_path / "x"))
    with pytest.raises(guard.Refused, match=r"regular file|cannot be opened"):
        guard.load_pickle(tmp_path / "x")
    with pytest.raises(guard.Refused, match="cannot be opened"):
        guard.load_pickle(tmp_path / "missing")


def test_a_large_file_goes_through_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_IN_MEMORY", 10)
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(X))
    assert np.array_equal(guard.load_pickle(path), X)


def test_a_joblib_dump_is_no_plain_pickle(tmp_path: Path) -> None:
    """pickle.load would read the array's bytes as opcodes, which is not how they were judged."""
    joblib.dump({"x": X}, tmp_path / "m.joblib")
    with pytest.raises((guard.Refused, pickle.UnpicklingError)) as error:
        guard.load_pickle(tmp_path / "m.joblib")
    assert isinstance(error.value, guard.Refused)


def test_bytes_after_a_compressed_stream_are_refused(tmp_path: Path) -> None:
    joblib.dump([1], tmp_path / "m.joblib", compress=3)
    data = (tmp_path / "m.joblib").read_bytes()
    (tmp_path / "m.joblib").write_bytes(data + b"cos\ngetcwd\n)R.")
    with pytest.raises(guard.Refused):
        guard.load_joblib(tmp_path / "m.joblib")
    (tmp_path / "m.joblib").write_bytes(data[:-6])
    with pytest.raises(guard.Refused):
        guard.load_joblib(tmp_path / "m.joblib")


def test_joblib_of_old_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.joblib").write_bytes(b"ZF" + b"0x2".ljust(19) + zlib.compress(b"N."))
    with pytest.raises(guard.Refused, match=r"before 0\.10"):
        guard.load_joblib(tmp_path / "m.joblib")


# The second belt: even without the judgement nothing else is resolved


@pytest.mark.parametrize("name", sorted(BYPASSES.keys() - {"s5 scattered slots"}))  # asks for gigabytes of memo
def test_the_unpickler_alone_resolves_only_what_is_allowed(name: str, resolved: list[tuple[str, str]]) -> None:
    allowed = frozenset({("collections", "OrderedDict")})
    with contextlib.suppress(Exception):  # refused, broken in one of many ways, or harmless up to its first STOP
        engine.load(io.BytesIO(BYPASSES[name].stream), allowed)
    assert set(resolved) <= allowed


def test_names_of_python_2_are_those_that_were_judged() -> None:
    allowed = frozenset({("builtins", "set"), ("copyreg", "_reconstructor")})
    assert engine.chosen("__builtin__", "set", allowed) == ("builtins", "set")
    assert engine.chosen("copy_reg", "_reconstructor", allowed) == ("copyreg", "_reconstructor")
    with pytest.raises(guard.Refused, match="was not among what was judged"):
        engine.chosen("builtins", "eval", allowed)
    with pytest.raises(guard.Refused, match="ambiguous"):
        engine.chosen("__builtin__", "set", allowed | {("__builtin__", "set")})


def test_object_arrays_of_joblib_are_read_by_our_unpickler(tmp_path: Path) -> None:
    joblib.dump(np.array([OrderedDict(a=1)], dtype=object), tmp_path / "m.joblib")
    data = io.BytesIO((tmp_path / "m.joblib").read_bytes())
    named = {"dtype": "numpy", "ndarray": "numpy", "NumpyArrayWrapper": "joblib.numpy_pickle"}
    with pytest.raises(guard.Refused, match="was not among"):
        engine.joblib_load(data, frozenset((module, name) for name, module in named.items()))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.sampled_from([pickle.dumps(OrderedDict(a=[1, {"b": X[:2]}]), protocol=p) for p in (0, 2, 4)]),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_whatever_the_bytes_are_only_vetted_names_are_resolved(seed: bytes, edits: list[tuple[int, int]]) -> None:
    global ARMED
    data = bytearray(seed)
    for at, value in edits:
        data[at % len(data)] = value
    RESOLVED.clear()
    ARMED = True
    try:
        guard.loads(bytes(data))
    except Exception as error:  # noqa: BLE001 - of the unpickler or of numpy, on nonsense
        assert not isinstance(error, UsageError)
    finally:
        ARMED = False
    assert all(vetted(module, name)[0].uses for module, name in RESOLVED)


# The rest


def test_importing_it_is_light() -> None:
    code = "import sys; from assaymark import guard; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    assert not names & {
        "pickle",
        "joblib",
        "numpy",
        "torch",
        "cryptography",
        "tempfile",
        "hashlib",
        "assaymark.catalog",
    }


TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed here")


@TORCH
@pytest.mark.parametrize("name", ["checkpoint", "checkpoint_legacy", "kinds", "tied"])
def test_torch_checkpoints_load(name: str) -> None:
    import torch

    found = guard.load_torch(REAL / f"{name}.pt")
    expected = torch.load(REAL / f"{name}.pt", weights_only=False)
    assert found.keys() == expected.keys()


@TORCH
def test_tensors_in_a_plain_pickle_load() -> None:
    import torch

    assert torch.equal(guard.loads(pickle.dumps(torch.ones(3))), torch.ones(3))


@TORCH
@pytest.mark.parametrize("legacy", [False, True])
def test_hostile_checkpoints_are_refused(tmp_path: Path, legacy: bool, resolved: list[tuple[str, str]]) -> None:
    import torch

    class Evil:
        def __reduce__(self) -> Any:
            return os.getcwd, ()

    torch.save({"w": torch.ones(2), "x": Evil()}, tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(guard.Refused):
        guard.load_torch(tmp_path / "x.pt")
    assert resolved == []


@TORCH
def test_programs_are_refused(tmp_path: Path) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "x.pt")
    with pytest.raises(guard.Refused):
        guard.load_torch(tmp_path / "x.pt")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file that cannot be read")
def test_a_file_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(guard.Refused, match="cannot be read"):
        guard.load_pickle("/proc/self/mem")
