"""`assaymark.converting`: tensors come out as the real loaders give them, and everything else is refused or said."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from assaymark.converting import Conversion, convert
from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget, UsageError
from assaymark.model.convert.arrays import count_of
from assaymark.model.convert.stream import evaluate
from assaymark.model.judge import Refused
from assaymark.storage.spool import FileSpool

REAL = Path(__file__).parent / "real" / "convert"
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "complex64": "C64", "uint16": "U16", "uint32": "U32",
    "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip


def read(path: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Name -> (data type, shape, bytes), read by hand: numpy has no bfloat16."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    entries = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    at, found = 0, {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        assert start == at
        at = stop
        found[name] = (entry["dtype"], tuple(entry["shape"]), data[8 + length + start : 8 + length + stop])
    assert at == len(data) - 8 - length
    return found


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "numpy") as file:
        return dict(file.metadata())


def run(tmp_path: Path, content: bytes | Path, **options: Any) -> tuple[Conversion, Path]:
    source = content if isinstance(content, Path) else tmp_path / "source.pkl"
    if isinstance(content, bytes):
        source.write_bytes(content)
    out = tmp_path / "out.safetensors"
    return convert(str(source), str(out), force=True, **options), out


# PyTorch


@pytest.mark.parametrize(
    "name", ["checkpoint", "checkpoint_legacy", "views", "views_legacy", "kinds", "kinds_legacy", "disjoint"]
)
def test_the_tensors_are_those_of_torch_load(tmp_path: Path, name: str) -> None:
    done, out = run(tmp_path, REAL / f"{name}.pt")
    found = read(out)
    with np.load(REAL / f"{name}.npz") as expected:
        for key in expected.files:
            tensor, dtype, shape = key.split("|")
            sizes = tuple(int(n) for n in shape.split(",") if n)
            assert found.pop(tensor) == (DTYPES[dtype], sizes, expected[key].tobytes())
    assert not found
    assert metadata(out)["format"] == "pt"
    assert len(done.plan.digests) == len(done.plan.tensors)


def test_what_is_no_tensor_is_left_behind_and_said(tmp_path: Path) -> None:
    done, _ = run(tmp_path, REAL / "checkpoint.pt")
    left = dict(done.left)
    assert left["epoch"] == "int"
    assert left["hyper.lr"] == "float"
    assert done.left_count == len(done.left) > 4
    report = done.to_json()
    assert report["left_behind_count"] == done.left_count
    assert {t["name"] for t in report["tensors"]} == {t.name for t in done.plan.tensors}


def test_tied_tensors_are_refused_until_the_user_says(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shares memory with 'embed'") as error:
        run(tmp_path, REAL / "same.pt")
    assert "--tied" in error.value.step


def test_tied_tensors_are_copied(tmp_path: Path) -> None:
    done, out = run(tmp_path, REAL / "tied.pt", tied="copy")
    found = load_file(out)
    assert np.array_equal(found["embed"], found["head"])
    assert np.array_equal(found["part"], found["embed"][1:])
    assert [entry["written"] for entry in done.to_json()["tied"]] == [True, True]


def test_tied_tensors_are_dropped_and_noted_as_the_library_does(tmp_path: Path) -> None:
    _, out = run(tmp_path, REAL / "same.pt", tied="drop")
    assert set(load_file(out)) == {"embed"}
    assert metadata(out)["head"] == "embed"
    with pytest.raises(UsageError, match="overlaps 'embed' in part"):
        run(tmp_path, REAL / "tied.pt", tied="drop")


def test_a_whole_module_is_named_as_its_state_dict(tmp_path: Path) -> None:
    _, out = run(tmp_path, REAL / "module.pt")
    assert set(load_file(out)) == {
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    }  # fmt: skip


def test_a_tensor_that_cannot_be_held_is_refused_or_left_behind(tmp_path: Path) -> None:
    with pytest.raises(Opaque, match="q: tensor 'q' is a qtensor"):
        run(tmp_path, REAL / "quantized.pt")
    done, out = run(tmp_path, REAL / "quantized.pt", leave_unknown=True)
    assert set(load_file(out)) == {"w"}
    assert "qtensor" in dict(done.left)["q"]


def rezipped(path: Path, change: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", method) as new:
        root = old.namelist()[0].partition("/")[0]
        names = [name.partition("/")[2] for name in old.namelist()]
        for name in [*names, *(n for n in change if n not in names)]:
            new.writestr(f"{root}/{name}", change[name] if name in change else old.read(f"{root}/{name}"))
    return buffer.getvalue()


def member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read(f"{file.namelist()[0].partition('/')[0]}/{name}")


def test_a_big_endian_archive_is_swapped(tmp_path: Path) -> None:
    values = np.arange(12, dtype="<f4")
    swapped = {"byteorder": b"big", "data/0": values.astype(">f4").tobytes()}
    _, out = run(tmp_path, rezipped(REAL / "same.pt", swapped), tied="drop")
    assert np.array_equal(load_file(out)["embed"].ravel(), values)


def test_a_deflated_archive_is_read_as_well(tmp_path: Path) -> None:
    _, out = run(tmp_path, rezipped(REAL / "disjoint.pt", {}, zipfile.ZIP_DEFLATED))
    assert set(load_file(out)) == {"q", "k"}


@pytest.mark.parametrize("cut", [0, 4, 44, 47, 52])
def test_a_view_beyond_its_storage_is_refused(tmp_path: Path, cut: int) -> None:
    """The storage is shorter or longer than the pickle says (as in CVE-2026-24747)."""
    with pytest.raises(Malformed, match="the pickle says 48"):
        run(tmp_path, rezipped(REAL / "same.pt", {"data/0": b"\0" * cut}), tied="drop")


def torch_pickle(size: tuple[int, ...], stride: tuple[int, ...], offset: int, numel: int = 12) -> bytes:
    """A state dict of one tensor `w` over storage 0, as opcodes."""

    def number(n: int) -> bytes:
        return b"I%d\n" % n

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0" + b"0X\x03\0\0\0cpu" + number(numel) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    args = b"(" + storage + number(offset) + numbers(size) + numbers(stride) + b"\x89" + hooks + b"t"
    return b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n" + args + b"Rs."


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((13,), (1,), 0),
        ((12,), (1,), 1),
        ((2, 2), (100, 1), 0),
        ((1,), (1,), 1 << 40),
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
    ],
)
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(
    tmp_path: Path, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> None:
    content = rezipped(REAL / "same.pt", {"data.pkl": torch_pickle(size, stride, offset)})
    with pytest.raises((Malformed, Refused)):
        run(tmp_path, content)
    assert not (tmp_path / "out.safetensors").exists()


def test_views_by_hand_are_gathered(tmp_path: Path) -> None:
    content = rezipped(
        REAL / "same.pt", {"data.pkl": torch_pickle((4, 2), (1, 4), 4), "data/0": np.arange(12, dtype="<f4").tobytes()}
    )
    _, out = run(tmp_path, content)
    assert np.array_equal(load_file(out)["w"], np.arange(12, dtype=np.float32).reshape(3, 4).T[:, 1:])


def test_a_view_that_repeats_without_end_is_refused(tmp_path: Path) -> None:
    content = rezipped(REAL / "same.pt", {"data.pkl": torch_pickle((1 << 40,), (0,), 0)})
    with pytest.raises(OverBudget):
        run(tmp_path, content)


def test_an_archive_with_two_pickles_of_one_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssayError):
        run(tmp_path, rezipped(REAL / "same.pt", {"DATA.PKL": b"N."}), tied="drop")


def test_a_storage_that_is_not_there_is_refused(tmp_path: Path) -> None:
    pickled = torch_pickle((2,), (1,), 0).replace(b"X\x01\0\0\0" + b"0", b"X\x01\0\0\0" + b"7")
    with pytest.raises(Malformed, match="storage '7' is not in the archive"):
        run(tmp_path, rezipped(REAL / "same.pt", {"data.pkl": pickled}))


# NumPy, joblib, scikit-learn

ARRAYS: dict[str, Any] = {
    "plain": np.random.default_rng(0).random((5, 4)), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(5, dtype=">f4"), "short": np.arange(5, dtype=np.int16), "scalar": np.float32(3),
    "empty": np.empty((0, 3)), "flags": np.array([True, False]), "complex": np.ones(2, np.complex64),
    "deep": {"list": [np.ones(2), (np.zeros(1, np.uint8),)]},
}  # fmt: skip


def same_arrays(out: Path) -> None:
    found = load_file(out)
    expected = {**ARRAYS, "deep.list.0": np.ones(2), "deep.list.1.0": np.zeros(1, np.uint8)}
    del expected["deep"]
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name
        assert found[name].dtype == np.asarray(value).dtype.newbyteorder("="), name


@pytest.mark.parametrize("protocol", range(6))
def test_pickled_arrays(tmp_path: Path, protocol: int) -> None:
    _, out = run(tmp_path, pickle.dumps(ARRAYS, protocol=protocol))
    same_arrays(out)
    assert metadata(out)["format"] == "np"


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3)])
def test_joblib_dumps(tmp_path: Path, compress: Any) -> None:
    joblib.dump(ARRAYS, tmp_path / "dump.joblib", compress=compress)
    _, out = run(tmp_path, tmp_path / "dump.joblib")
    same_arrays(out)


def test_npy_and_npz(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "a.npy", array)
    _, out = run(tmp_path, tmp_path / "a.npy")
    assert np.array_equal(load_file(out)["tensor"], array)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x=array, y=np.arange(3))
        _, out = run(tmp_path, tmp_path / "a.npz")
        assert np.array_equal(load_file(out)["x"], array)


def test_texts_and_objects_are_left_behind_and_said(tmp_path: Path) -> None:
    value = {"x": np.ones(2), "names": np.array(["a", "b"]), "objects": np.array([None, 1], dtype=object)}
    for content in (pickle.dumps(value), pickle.dumps(value, protocol=0)):
        done, _ = run(tmp_path, content)
        assert dict(done.left) == {"names": "array of text", "objects": "array of object"}


@pytest.mark.parametrize("kind", [np.complex128, "datetime64[s]", np.longdouble, [("a", "u1"), ("b", "f8")]])
def test_numbers_that_cannot_be_held_are_refused_or_left_behind(tmp_path: Path, kind: Any) -> None:
    content = pickle.dumps({"x": np.ones(2), "y": np.zeros(3, dtype=kind)})
    with pytest.raises(Opaque, match="y: "):
        run(tmp_path, content)
    done, out = run(tmp_path, content, leave_unknown=True)
    assert set(load_file(out)) == {"x"}
    assert "y" in dict(done.left)


def test_estimators_give_their_fitted_attributes(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((30, 3)), np.array([0, 1] * 15)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    joblib.dump(model, tmp_path / "m.joblib")
    _, out = run(tmp_path, tmp_path / "m.joblib")
    found = load_file(out)
    assert np.array_equal(found["steps.1.1.coef_"], model[1].coef_)
    assert np.array_equal(found["steps.0.1.mean_"], model[0].mean_)
    _, out = run(tmp_path, pickle.dumps(Ridge().fit(x, y)))
    assert set(load_file(out)) >= {"coef_", "intercept_"}


def test_trees_are_split_into_their_fields(tmp_path: Path) -> None:
    model = DecisionTreeClassifier().fit(np.arange(8.0).reshape(8, 1), [0, 1] * 4)
    _, out = run(tmp_path, pickle.dumps(model))
    found = load_file(out)
    nodes = model.tree_.__getstate__()["nodes"]
    for field in nodes.dtype.names:
        assert np.array_equal(found[f"tree_.nodes.{field}"], nodes[field])
    assert np.array_equal(found["tree_.values"], model.tree_.value)
    assert np.array_equal(found["tree_.args.1"], [2])


def test_arrays_without_a_name_get_their_position(tmp_path: Path) -> None:
    _, out = run(tmp_path, pickle.dumps({"r": np.random.RandomState(1)}))
    found = load_file(out)
    assert np.array_equal(found["r.state.key"], np.random.RandomState(1).get_state()[1])
    assert all(name.startswith("r.") for name in found)


@pytest.mark.parametrize("size", [3, 300])
def test_masked_arrays_are_refused(tmp_path: Path, size: int) -> None:
    content = pickle.dumps({"x": np.ones(2), "m": np.ma.array(np.ones(size), mask=np.zeros(size))})
    with pytest.raises(Opaque, match="keeps numbers in a way"):
        run(tmp_path, content)
    done, _ = run(tmp_path, content, leave_unknown=True)
    assert "m" in dict(done.left)


def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.zeros((8 << 20,)))
    tracemalloc.start()
    run(tmp_path, tmp_path / "big.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_the_same_array_twice_is_tied(tmp_path: Path) -> None:
    array = np.ones(3)
    with pytest.raises(UsageError, match="shares memory"):
        run(tmp_path, pickle.dumps({"a": array, "b": array}))


# What is refused


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


def test_what_is_dangerous_is_never_converted(tmp_path: Path) -> None:
    content = pickle.dumps({"w": np.ones(2), "x": Evil()})
    for leave in (False, True):
        with pytest.raises(Refused, match="starts a shell command"):
            run(tmp_path, content, leave_unknown=leave)


def test_classes_that_nobody_vetted_are_names_if_the_user_says(tmp_path: Path) -> None:
    content = (
        b"\x80\x02cnobody.knows\nNet\n)\x81}(X\x01\0\0\0w" + pickle.dumps(np.ones(2), 2)[2:-1] + b"X\x01\0\0\0nK\x05ub."
    )
    with pytest.raises(Refused, match=r"nobody\.knows\.Net is not on the table"):
        run(tmp_path, content)
    done, out = run(tmp_path, content, leave_unknown=True)
    assert set(load_file(out)) == {"w"}
    assert dict(done.left) == {"n": "int"}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a.b": np.ones(1), "a": {"b": np.zeros(1)}}, "two tensors come out as 'a.b'"),
        ({"__metadata__": np.ones(1)}, "__metadata__"),
        ({(1, 2): np.ones(1)}, "under a key that is a tuple"),
        ({1.5: np.ones(1)}, "under a key that is a float"),
        ({"\ud800": np.ones(1)}, "no valid Unicode"),
        ({"a": 1}, "holds no tensor"),
        (5, "holds no tensor"),
    ],
)
def test_names_and_values_that_make_no_file(tmp_path: Path, value: Any, why: str) -> None:
    with pytest.raises(AssayError, match=why):
        run(tmp_path, pickle.dumps(value))


def test_structures_without_end_are_bounded(tmp_path: Path) -> None:
    loop: list[Any] = [np.ones(1)]
    loop.append(loop)
    with pytest.raises(Malformed, match="holds itself"):
        run(tmp_path, pickle.dumps(loop))
    bomb: list[Any] = [np.ones(1)]
    for _ in range(40):
        bomb = [bomb, bomb]
    with pytest.raises(AssayError):
        run(tmp_path, pickle.dumps(bomb), tied="copy")
    with pytest.raises(AssayError):
        run(tmp_path, b"\x80\x04" + b"(" * 50_000 + b"l" * 50_000 + b".")


def test_safetensors_and_strangers_are_no_source(tmp_path: Path) -> None:
    _, out = run(tmp_path, pickle.dumps({"x": np.ones(1)}))
    with pytest.raises(UsageError, match="safetensors already"):
        convert(str(out), str(tmp_path / "again.safetensors"))
    with pytest.raises(AssayError):
        run(tmp_path, b"not a model at all")
    with pytest.raises(AssayError):
        run(tmp_path, b"")


def test_nothing_is_overwritten_or_left_over(tmp_path: Path) -> None:
    source, out = tmp_path / "s.pkl", tmp_path / "o.safetensors"
    source.write_bytes(pickle.dumps({"x": np.ones(1)}))
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        convert(str(source), str(out))
    assert out.read_text() == "mine"
    source.write_bytes(pickle.dumps({"x": np.ones(1), "y": np.ones(1, np.complex128)}))
    with pytest.raises(Opaque):
        convert(str(source), str(out), force=True)
    assert out.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.safetensors", "s.pkl"]


SEEDS = [
    (REAL / "same.pt").read_bytes(), (REAL / "views_legacy.pt").read_bytes(), pickle.dumps(ARRAYS),
    pickle.dumps(ARRAYS, protocol=1),
]  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 40),
)
def test_whatever_the_bytes_are_the_answer_is_a_file_or_an_error(
    tmp_path: Path, seed: bytes, edits: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(seed)
    for at, value in edits:
        data[at % len(data)] = value
    try:
        _, out = run(tmp_path, bytes(data[: len(data) - (cut if cut < 8 else 0)]), tied="copy")
    except AssayError:
        return
    read(out)


def test_a_shape_of_a_million_dimensions_is_not_multiplied_out() -> None:
    with pytest.raises(Malformed, match="dimensions"):
        count_of((1 << 61,) * 2_000_000)


def test_copies_of_copies_are_bounded() -> None:
    """A dict, or a text spelled as bytes, may be asked for a million times; each time it is made again."""
    once = b"\x80\x02cbuiltins\ndict\nq\x08" + pickle.dumps(dict.fromkeys(range(100_000)), 2)[2:-1] + b"q\x09"
    again = b"h\x08h\x09\x85R0" * 100
    text = b"\x80\x02c_codecs\nencode\nq\x00X" + struct.pack("<I", 8 << 20) + b"a" * (8 << 20)
    text += b"q\x01X\x06\x00\x00\x00latin1q\x02"
    for data in (once + again + b".", text + b"h\x00h\x01h\x02\x86R0" * 100 + b"."):
        with pytest.raises(OverBudget):
            evaluate(Bytes(data), Budget(monotonic=lambda: 0.0, spool=FileSpool))
