"""What real files of numpy, scipy, scikit-learn, pandas and joblib do stays inside the table of vetted globals."""

import io
import pickle
import re
import warnings
from collections.abc import Callable

import pytest

from tests.model.test_vetted_table import VETTED

# The recorder is CPython's own unpickler in Python, with a note taken at each opcode that uses
# a global; it unpickles only what this test has just pickled.


WAITING = {("functools", "partial")}
"""Named by real files (scikit-learn's HistGradientBoosting) and not vetted: it needs a rule that follows the function
it holds. Such a file holds."""


class Recorder(pickle._Unpickler):
    """Which global is used how, and with which other globals among the arguments."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.gaps: set[str] = set()
        self.names: dict[int, tuple[str, str]] = {}
        self.made: dict[int, tuple[str, str]] = {}
        self.kept: list[object] = []

    def find_class(self, module: str, name: str) -> object:
        value = super().find_class(module, name)
        if self.proto < 3:
            module, name = pickle._compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            module = pickle._compat_pickle.IMPORT_MAPPING.get(module, module)
        if (module, name) not in VETTED and (module, name) not in WAITING:
            self.gaps.add(f"{module} {name} unknown")
        self.kept.append(value)
        self.names[id(value)] = (module, name)
        return value

    def among(self, arguments: object) -> list[tuple[str, str]]:
        found, pending, seen = [], [arguments], set()
        while pending:
            value = pending.pop()
            if id(value) in self.names:
                found.append(self.names[id(value)])
            elif id(value) not in seen:
                seen.add(id(value))
                if type(value) in {tuple, list, set, frozenset}:
                    pending.extend(value)
                elif type(value) is dict:
                    pending.extend((*value.keys(), *value.values()))
        return found

    def use(self, target: tuple[str, str] | None, use: str, arguments: object = ()) -> None:
        if target is None:
            self.gaps.add(f"a computed object gets {use}")
        elif target not in WAITING:
            uses, rule = VETTED.get(target, (set(), "data"))
            if use not in uses:
                self.gaps.add(f"{' '.join(target)} needs {use}")
            elif use == "call":
                self.call(target, rule, arguments if isinstance(arguments, tuple) else ())

    def call(self, target: tuple[str, str], rule: str, arguments: tuple[object, ...]) -> None:
        inside = self.among(arguments)
        if target == ("copyreg", "_reconstructor"):
            self.use(inside[0], "new", arguments[1:])
        elif rule == "encode-latin1":
            assert arguments[1:] in {("latin1",), ()}
        elif rule == "calls-second" and len(arguments) > 1:
            self.use(self.names.get(id(arguments[1])), "call", arguments[:1])
        elif rule == "data":
            self.gaps |= {f"{' '.join(target)} called with {other}" for other in inside}
        elif rule == "any-vetted":
            for other in inside:
                uses, narrower = VETTED.get(other, (set(), ""))
                if narrower == "array" and target[1] in {"_reconstruct", "_mareconstruct"}:
                    continue
                if not uses & {"call", "new"} or narrower not in {"data", "any-vetted"}:
                    self.gaps.add(f"{' '.join(target)} called with {other}")

    def result(self, target: tuple[str, str] | None, arguments: object = ()) -> None:
        value = self.stack[-1]
        for other in self.among(arguments):
            if other != target and getattr(type(value), "__qualname__", "") == other[1].rpartition(".")[2]:
                target = other
        if target is not None and id(value) not in self.names:
            self.kept.append(value)
            self.made[id(value)] = target

    def load_reduce(self) -> None:
        target, arguments = self.names.get(id(self.stack[-2])), self.stack[-1]
        self.use(target, "call", arguments)
        pickle._Unpickler.load_reduce(self)
        self.result(target, arguments)

    def load_newobj(self) -> None:
        target, arguments = self.names.get(id(self.stack[-2])), self.stack[-1]
        self.use(target, "new", arguments)
        pickle._Unpickler.load_newobj(self)
        self.result(target)

    def load_newobj_ex(self) -> None:
        target, arguments = self.names.get(id(self.stack[-3])), (self.stack[-2], self.stack[-1])
        self.use(target, "new", arguments)
        pickle._Unpickler.load_newobj_ex(self)
        self.result(target)

    def load_build(self) -> None:
        target = self.stack[-2]
        self.use(self.made.get(id(target)), "build")
        pickle._Unpickler.load_build(self)

    def grown(self, target: object) -> None:
        if type(target) not in {list, dict, set}:
            self.use(self.made.get(id(target)), "items")

    def load_append(self) -> None:
        self.grown(self.stack[-2])
        pickle._Unpickler.load_append(self)

    def load_appends(self) -> None:
        self.grown(self.metastack[-1][-1])
        pickle._Unpickler.load_appends(self)

    def load_setitem(self) -> None:
        self.grown(self.stack[-3])
        pickle._Unpickler.load_setitem(self)

    def load_setitems(self) -> None:
        self.grown(self.metastack[-1][-1])
        pickle._Unpickler.load_setitems(self)

    def load_additems(self) -> None:
        self.grown(self.metastack[-1][-1])
        pickle._Unpickler.load_additems(self)


for _opcode in ("REDUCE", "NEWOBJ", "NEWOBJ_EX", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS"):
    Recorder.dispatch[getattr(pickle, _opcode)[0]] = getattr(Recorder, f"load_{_opcode.lower()}")


def gaps_of(value: object, protocols: tuple[int, ...] = (0, 2, 3, 4, 5)) -> set[str]:
    gaps = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for protocol in protocols:
            recorder = Recorder(pickle.dumps(value, protocol))
            recorder.load()
            gaps |= recorder.gaps
    return gaps


def made(*makers: Callable[[], object], protocols: tuple[int, ...] = (0, 2, 3, 4, 5)) -> set[str]:
    """The gaps of everything that these functions make."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return set().union(*(gaps_of(maker(), protocols) for maker in makers))


def test_objects_of_the_standard_library_stay_inside() -> None:
    import array
    import collections
    import datetime
    import decimal
    import fractions
    import http
    import ipaddress
    import pathlib
    import random
    import types
    import uuid

    assert not made(
        lambda: [{1}, frozenset({2}), bytearray(b"x"), b"\x80", 1j, slice(1), range(3), ..., NotImplemented, object()],
        lambda: [int, float, str, list, len, ValueError("x"), KeyError, OSError(2, "x")],
        lambda: [collections.OrderedDict(a=1), collections.defaultdict(list, a=[1]), collections.Counter("aab")],
        lambda: [collections.deque([1, 2], 5), collections.ChainMap({}), collections.UserDict(a=1)],
        lambda: [datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), datetime.time(1), datetime.timedelta(1)],
        lambda: datetime.datetime.now(datetime.UTC),
        lambda: [decimal.Decimal(1), fractions.Fraction(1, 2), uuid.uuid4(), random.Random(1)],
        lambda: [pathlib.Path("a/b"), pathlib.PureWindowsPath("a"), types.SimpleNamespace(a=1), http.HTTPStatus.OK],
        lambda: [ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8")],
        lambda: [re.compile("a"), re.IGNORECASE, array.array("d", [1.0])],
    )


def test_objects_of_numpy_stay_inside() -> None:
    import numpy as np

    kinds = ["f2", "f4", "f8", "g", "i1", "i8", "u4", "?", "c16", "M8[ns]", "m8[D]", "S3", "U3", "O", "V4"]
    record = [("a", "f4"), ("b", "O"), ("c", [("d", "i4", (2,))])]
    generators = (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM)
    assert not made(
        lambda: [np.zeros(3, kind) for kind in kinds],
        lambda: [np.zeros(1, kind)[0] for kind in kinds],
        lambda: [np.dtype(kind) for kind in kinds] + [np.float64, np.ndarray, type(np.dtype("f8"))],
        lambda: [np.zeros(3, record), np.asfortranarray(np.ones((3, 4))), np.array(b"x"), np.ones(0)],
        lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        lambda: [np.matrix([[1]]), np.ma.array([1, 2], mask=[0, 1]), np.ma.masked, np.char.array(["a"])],
        lambda: [np.poly1d([1, 2]), np.polynomial.Polynomial([1, 2]), np.polynomial.Chebyshev([1, 2])],
        lambda: [np.random.RandomState(0), np.random.default_rng(0), np.random.SeedSequence(1)],
        lambda: [generator(1) for generator in generators],
        lambda: [np.log1p, np.exp, np.mean, np.median, np.sqrt, np.square, np.clip, np.nanmean, np.asarray],
        lambda: np.array(["a", "b"], dtype=np.dtypes.StringDType()),
    )


def test_objects_of_scipy_stay_inside() -> None:
    import numpy as np
    from scipy import interpolate, optimize, sparse, special, stats

    x = np.arange(8.0)
    formats = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]
    assert not made(
        lambda: [sparse.random(5, 5, 0.5, form) for form in formats],
        lambda: [getattr(sparse, f"{form}_array")(np.eye(3)) for form in formats],
        lambda: [interpolate.CubicSpline(x, x), interpolate.PchipInterpolator(x, x)],
        lambda: [interpolate.UnivariateSpline(x, x), interpolate.RegularGridInterpolator((x,), x)],
        lambda: [interpolate.make_interp_spline(x, x), interpolate.RBFInterpolator(x[:, None], x)],
        lambda: optimize.minimize(lambda v: float(v @ v), np.ones(2)),
        lambda: stats.gaussian_kde(x),
        lambda: [special.expit, special.logit, stats.spearmanr, stats.rankdata],
        protocols=(2, 3, 4, 5),
    )
    assert not made(lambda: interpolate.interp1d(x, x), protocols=(4, 5))  # below 4 its method comes by getattr


def test_objects_of_pandas_stay_inside() -> None:
    import numpy as np
    import pandas as pd

    dates = pd.to_datetime(["2020-01-01", "2021-01-01"])
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.0, 2.0], "d": dates, "e": [True, False]})
    offsets = [
        name for name in pd.offsets.__all__ if name not in {"BaseOffset", "DateOffset", "Tick"} and "FY" not in name
    ]
    nullable = {"Int64": [1, None], "Float32": [1, None], "boolean": [True, None], "string": ["a", None], "UInt8": [1]}
    assert not made(
        lambda: [frame, frame["a"], frame.set_index(["a", "b"]), frame.T, pd.DataFrame(), frame.describe()],
        lambda: [pd.Series(values, dtype=kind) for kind, values in nullable.items()],
        lambda: [
            pd.Series(["a", "b"], dtype="category"),
            pd.Series([1, 0], dtype="Sparse[int]"),
            pd.get_dummies(frame),
        ],
        lambda: [
            pd.Series(dates.tz_localize("UTC")),
            pd.Series(pd.interval_range(0, 3)),
            pd.Series([1, 2], dtype="m8[ns]"),
        ],
        lambda: [pd.RangeIndex(3), pd.Index([1, 2]), pd.Index(["a", 1]), pd.Index(["a", "b"]), pd.Index([True, False])],
        lambda: [pd.date_range("2020", periods=3), pd.timedelta_range("1D", periods=3), pd.interval_range(0, 3)],
        lambda: [pd.period_range("2020", periods=3, freq="M"), pd.MultiIndex.from_product([["a"], [1, 2]])],
        lambda: [pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timedelta("1D"), pd.Period("2020-01")],
        lambda: [
            pd.NaT,
            pd.NA,
            pd.Interval(0, 1),
            pd.CategoricalIndex(["a"]),
            pd.arrays.NumpyExtensionArray(np.ones(1)),
        ],
        lambda: [pd.CategoricalDtype(["a"]), pd.DatetimeTZDtype(tz="UTC"), pd.Int64Dtype(), pd.PeriodDtype("M")],
        lambda: [pd.IntervalDtype("int64"), pd.SparseDtype("f8", 0), pd.StringDtype()],
        lambda: [getattr(pd.offsets, name)() for name in offsets] + [pd.DateOffset(months=2)],
        lambda: [pd.offsets.FY5253(startingMonth=8, weekday=4)],
    )


def fitted() -> dict[str, object]:
    """Every estimator of scikit-learn that can be built and fitted on tiny data, and a few composed ones."""
    import numpy as np
    from sklearn import (
        compose,
        ensemble,
        feature_extraction,
        linear_model,
        metrics,
        model_selection,
        pipeline,
        preprocessing,
        svm,
    )
    from sklearn.gaussian_process import kernels
    from sklearn.utils import Bunch, all_estimators

    rng = np.random.RandomState(0)
    x, labels = np.abs(rng.normal(size=(40, 4))), np.arange(40) % 2
    found: dict[str, object] = {}
    needs = {"estimator": linear_model.LogisticRegression(), "base_estimator": linear_model.LogisticRegression()}
    lists = {
        "estimators": [("a", linear_model.LogisticRegression()), ("b", svm.SVC())],
        "transformers": [("a", preprocessing.StandardScaler(), [0])],
        "transformer_list": [("a", preprocessing.StandardScaler())],
        "steps": [("a", preprocessing.StandardScaler()), ("b", svm.SVC())],
    }
    search = {"param_grid": {"C": [1, 2]}, "param_distributions": {"C": [1, 2]}}
    for name, kind in all_estimators():
        signature = kind._get_param_names()
        options = {k: v for k, v in {**needs, **lists, **search}.items() if k in signature}
        options |= {k: 2 for k in ("n_estimators", "max_iter", "n_components", "cv") if k in signature}
        if "kind" in name.lower() or "Dictionary" in name:
            options["max_iter"] = 2
        for data in ((x, labels), (x, x[:, 0]), (x,), (["a b", "b c"],), ([{"a": 1}, {"b": 2}],), (x, x[:, :2])):
            try:
                found[name] = kind(**options).fit(*data)
                break
            except Exception:  # noqa: BLE001 - an estimator that does not take these data is tried with the next
                continue
    texts = ["some words", "other words here"] * 20
    tree = ensemble.HistGradientBoostingClassifier(max_iter=3, categorical_features=[3])
    x[:, 3] = np.arange(40) % 3
    mixed = compose.ColumnTransformer(
        [
            ("n", pipeline.make_pipeline(preprocessing.StandardScaler()), [0, 1]),
            ("c", preprocessing.OneHotEncoder(), [3]),
        ]
    )
    kernel = kernels.ConstantKernel() * kernels.RBF() + kernels.WhiteKernel() ** 2
    grid = {"C": [1, 2], "gamma": ["scale"]}
    return found | {
        "text": pipeline.make_pipeline(
            feature_extraction.text.TfidfVectorizer(), linear_model.SGDClassifier(loss="modified_huber")
        ).fit(texts, labels),
        "hist": tree.fit(x, labels),
        "mixed": pipeline.Pipeline([("t", mixed), ("m", ensemble.RandomForestClassifier(2))]).fit(x, labels),
        "search": model_selection.GridSearchCV(svm.SVC(), grid, scoring="f1", cv=2).fit(x, labels),
        "scorers": [metrics.get_scorer(name) for name in metrics.get_scorer_names()],
        "kernel": kernel,
        "function": preprocessing.FunctionTransformer(np.log1p, np.expm1).fit(x),
        "splits": [model_selection.KFold(3), model_selection.StratifiedKFold(3), model_selection.TimeSeriesSplit()],
        "bunch": Bunch(a=1),
        "state": linear_model.SGDRegressor(random_state=np.random.RandomState(1), loss="huber").fit(x, x[:, 0]),
    }


@pytest.fixture(scope="module")
def estimators() -> dict[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted()


def test_fitted_estimators_of_scikit_learn_stay_inside(estimators: dict[str, object]) -> None:
    assert len(estimators) > 190
    gaps: dict[str, list[str]] = {}
    for name, value in estimators.items():
        for gap in gaps_of(value, (0, 4) if name in {"text", "hist", "mixed", "search"} else (4,)):
            gaps.setdefault(gap, []).append(name)
    assert not gaps, "\n".join(f"{gap}: {', '.join(names[:4])}" for gap, names in sorted(gaps.items()))


def test_joblib_files_stay_inside(estimators: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib
    from joblib import numpy_pickle

    seen: set[tuple[str, str]] = set()

    class Recording(numpy_pickle.NumpyUnpickler):
        def find_class(self, module: str, name: str) -> object:
            seen.add((module, name))
            return super().find_class(module, name)

    monkeypatch.setattr(numpy_pickle, "NumpyUnpickler", Recording)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in estimators.values():
            file = io.BytesIO()
            joblib.dump(value, file)
            file.seek(0)
            joblib.load(file)
    assert ("joblib.numpy_pickle", "NumpyArrayWrapper") in seen
    assert not sorted(seen - set(VETTED) - WAITING)
