"""Pickles as libraries write them: nothing is complained of. And joblib files, which are pickles with arrays in between."""

import bz2
import collections
import datetime
import decimal
import fractions
import gzip
import io
import lzma
import os
import pathlib
import pickle
import uuid
import zlib
from collections.abc import Callable

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.model.machine import machine as machine_module
from tests.conftest import ids, look_at, severe

PROTOCOLS = range(6)
PLAIN: dict[str, object] = {
    "none": None,
    "numbers": [0, -1, 255, 256, 65_536, 2**31, -(2**63), 10**40, 1.5, float("nan"), float("inf"), 1j, True, False],
    "texts": ["", "a", "é", "模" * 300, "\ud800", "x" * 70_000, "line\nline", "'\"\\"],
    "bytes": [b"", b"abc", bytes(range(256)) * 300, bytearray(b"abc")],
    "containers": [(), (1,), (1, 2, 3, 4), [], {}, {1: {2: {3: [4]}}}, set(), {1, 2}, frozenset({1}), [[[[[]]]]]],
    "ordered dict": collections.OrderedDict(a=1, b=[1, 2]),
    "counter": collections.Counter("abracadabra"),
    "default dict": collections.defaultdict(list, a=[1]),
    "default dict of dict": collections.defaultdict(dict),
    "deque": collections.deque([1, 2], maxlen=5),
    "times": [
        datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC), datetime.date(2026, 1, 1), datetime.time(1, 2),
        datetime.timedelta(1), datetime.timezone(datetime.timedelta(hours=2)),
    ],
    "decimal": [decimal.Decimal("1.5"), fractions.Fraction(1, 3)],
    "uuid": uuid.UUID(int=5),
    "range and slice": [range(10), slice(1, 2, 3)],
    "path": pathlib.PurePosixPath("a/b"),
    "shared": [[1]] * 50,
}  # fmt: skip
ARRAYS: dict[str, object] = {
    "float": np.arange(12, dtype="f4").reshape(3, 4),
    "fortran": np.asfortranarray(np.ones((3, 4))),
    "empty": np.zeros((0, 5)),
    "bool, half, complex": [np.ones(3, "?"), np.ones(3, "f2"), np.ones(3, "c16")],
    "big endian": np.ones(3, ">i4"),
    "texts": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "times": np.array(["2026-01-01"], "M8[D]"),
    "records": np.array([(1, 2.5, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
    "objects": np.array([1, "a", None, [1, 2]], dtype=object),
    "scalars": [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("x"), np.datetime64("2026-01-01")],
    "dtypes": [np.dtype("f4"), np.dtype([("a", "i4")]), np.dtype("M8[ns]"), np.dtype("V8")],
    "masked": np.ma.masked_array([1, 2], mask=[True, False]),
    "generator": np.random.default_rng(1),
    "old generator": np.random.RandomState(1),
    "large": np.zeros(200_000),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mdl001_good_plain_data(name: str, protocol: int) -> None:
    report = look_at(pickle.dumps(PLAIN[name], protocol), "x.pkl")
    assert report.formats == ("pickle",)
    assert severe(report) == []


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mdl001_good_arrays(name: str, protocol: int) -> None:
    assert severe(look_at(pickle.dumps(ARRAYS[name], protocol), "x.pkl")) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner, inner)
    ),
    max_leaves=30,
)


@given(JSON, st.sampled_from(PROTOCOLS))
@settings(max_examples=100, deadline=None)
def test_mdl002_good_any_plain_data(value: object, protocol: int) -> None:
    assert severe(look_at(pickle.dumps(value, protocol), "x.pkl")) == []


def test_mdl006_good_large_plain_data() -> None:
    """Long enough that frames are passed over."""
    rows = [{"id": n, "name": f"name {n}", "values": [n / 7, -n, None], "tags": ("a", "b")} for n in range(20_000)]
    for protocol in PROTOCOLS:
        report = look_at(pickle.dumps(rows, protocol), "x.pkl")
        assert (severe(report), report.formats) == ([], ("pickle",))


# joblib


COMPRESSORS = ["raw", "zlib", "gzip", "bz2", "xz", "lzma", "lz4"]


def joblib_dump(value: object, compressor: str) -> bytes:
    if compressor == "raw":
        file = io.BytesIO()
        joblib.dump(value, file)
        return file.getvalue()
    packers: dict[str, Callable[[bytes], bytes]] = {
        "zlib": zlib.compress, "gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE), "lz4": _lz4,
    }  # fmt: skip
    return packers[compressor](joblib_dump(value, "raw"))


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    packed: bytes = lz4.frame.compress(data)
    return packed


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize(
    "name", ["float", "fortran", "empty", "texts", "times", "records", "objects", "masked", "large"]
)
def test_mdl001_good_joblib(name: str, compressor: str) -> None:
    data = joblib_dump({"array": ARRAYS[name], "again": [ARRAYS[name], {"x": 1}]}, compressor)
    assert severe(look_at(data, "x.joblib")) == []


@pytest.mark.parametrize("compressor", COMPRESSORS[1:])
def test_mdl001_good_joblib_compresses_itself(compressor: str, tmp_path: pathlib.Path) -> None:
    joblib.dump([ARRAYS["float"], ARRAYS["objects"]], tmp_path / "x.joblib", compress=(compressor, 3))
    assert severe(look_at((tmp_path / "x.joblib").read_bytes(), "x.joblib")) == []


class Cwd:
    """Asks where it is when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.getcwd, ()


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("place", ["before", "after", "inside an object array"])
def test_mdl001_bad_joblib_around_arrays(compressor: str, place: str, tmp_path: pathlib.Path) -> None:
    numbers = np.arange(30.0)
    value = {
        "before": [Cwd(), numbers],
        "after": [numbers, numbers, Cwd()],
        "inside an object array": [numbers, np.array([1, Cwd()], dtype=object)],
    }[place]
    data = joblib_dump(value, compressor)
    assert "MDL001" in ids(look_at(data, "x.joblib"))
    (tmp_path / "x.joblib").write_bytes(data)
    assert os.getcwd() in str(joblib.load(tmp_path / "x.joblib"))  # it is real


# scikit-learn


def fitted() -> dict[str, object]:
    from sklearn.cluster import KMeans
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), np.array([0, 1] * 20)
    words = ["good model", "bad model", "good data", "bad data"] * 10
    columns = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(handle_unknown="ignore"), [2])])
    return {
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y),
        "forest": RandomForestRegressor(3).fit(x, y),
        "boosting": GradientBoostingClassifier(n_estimators=3).fit(x, y),
        "search": GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2).fit(x, y),
        "clusters": KMeans(2, n_init=1).fit(x),
        "neighbours": KNeighborsClassifier().fit(x, y),
        "network": MLPClassifier((4,), max_iter=400, tol=1.0).fit(x, y),
        "text": make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(words, y),
        "columns": columns.fit(x.round()),
    }


@pytest.fixture(scope="module")
def estimators() -> dict[str, object]:
    return fitted()


@pytest.mark.parametrize("form", ["2", "4", "5", "raw", "zlib"])
def test_mdl001_good_fitted_estimators(estimators: dict[str, object], form: str) -> None:
    for name, estimator in estimators.items():
        data = pickle.dumps(estimator, int(form)) if form.isdigit() else joblib_dump(estimator, form)
        assert severe(look_at(data, f"{name}.pkl")) == [], name


RECORDS: dict[str, Callable[[], object]] = {
    "recarray": lambda: np.rec.array([(1, 2.0, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
    "objects in a record in a record": lambda: np.zeros(2, dtype=[("p", [("x", "O"), ("y", "f8")]), ("q", "i4")]),
    "a view without the field of objects": lambda: np.array([(1, object)], dtype=[("a", "i4"), ("o", "O")])[["a"]],
    "subarrays": lambda: np.zeros(3, dtype=[("a", "f8", (3,)), ("b", "i4")]),
    "a subarray alone": lambda: np.dtype((np.float64, (3, 2))),
    "many fields": lambda: np.zeros(2, dtype=[(f"c{n}", "f8") for n in range(50)]),
    "many fields, one of objects": lambda: np.zeros(2, dtype=[*((f"c{n}", "f8") for n in range(50)), ("o", "O")]),
    "titles": lambda: np.zeros(2, dtype=[(("title", "a"), "f8")]),
    "aligned": lambda: np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "records beside objects": lambda: [np.zeros(2, dtype=[("a", "f8")]), np.array([1, "x"], dtype=object)],
    "an array in a file": lambda: np.zeros(3).view(np.memmap),
}


@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS.keys())
def test_records_as_numpy_writes_them(make: Callable[[], object]) -> None:
    value = make()
    for protocol in PROTOCOLS:
        for skipping in (1 << 60, -1):  # whatever a process has met before
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(machine_module, "SKIP_FROM", skipping)
                report = look_at(pickle.dumps(value, protocol), "records.pkl")
            assert severe(report) == [], protocol
            assert not any(finding.holds for finding in report.findings)
