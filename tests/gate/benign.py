"""Honest artifacts as the real libraries write them. The verdict on each is allow, at default, with nothing of medium or more."""

import collections
import datetime
import decimal
import gzip
import io
import json
import pathlib
import pickle
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from tests.gate.case import Case

DATA = Path(__file__).parent.parent / "model" / "data"
REAL = Path(__file__).parent.parent / "model" / "real"
X = np.random.default_rng(0).normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)


def cases() -> Iterator[Case]:
    yield from _plain()
    yield from _numpy()
    yield from _pandas()
    yield from _sklearn()
    yield from _tensors()
    yield from _repositories()
    yield from _kept()


def one(name: str, file: str, content: bytes) -> Case:
    return Case(f"benign-{name}", {file: content}, outcome="allow")


def _dumped(value: object, **options: Any) -> bytes:
    memory = io.BytesIO()
    joblib.dump(value, memory, **options)
    return memory.getvalue()


def _plain() -> Iterator[Case]:
    rows = [{"id": n, "name": f"row {n}", "score": n / 7, "tags": ("a", "b")} for n in range(50)]
    values: dict[str, object] = {
        "rows": rows,
        "nested": [
            [[[{"a": {1, 2}}]]],
            frozenset({3}),
            b"bytes",
            bytearray(b"more"),
            1 << 70,
            -1.5,
            2j,
            None,
            True,
            ...,
        ],
        "ordered": collections.OrderedDict(a=1, b=collections.Counter("abca")),
        "defaults": collections.defaultdict(list, a=[1]),
        "times": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.timedelta(1), datetime.date(2026, 1, 2)],
        "numbers": [decimal.Decimal("1.5"), uuid.UUID(int=7), range(3), slice(1, 2)],
        "paths": [pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c")],
        "shared": [rows, rows, {"again": rows}],
    }
    for name, value in values.items():
        yield one(f"plain/{name}", "data.pkl", pickle.dumps(value))
    for protocol in range(6):
        yield one(f"plain/protocol {protocol}", "data.pkl", pickle.dumps(rows, protocol))
    yield one("plain/several streams", "log.pkl", pickle.dumps(rows) + pickle.dumps([1]) + pickle.dumps("end"))


def _numpy() -> Iterator[Case]:
    for kind in ("f2", "f4", "f8", "i1", "i8", "u2", "?", "c16", "M8[s]", "S4", "U4"):
        value = np.zeros((3, 2), kind)
        yield one(f"numpy/pickle of {kind}", "array.pkl", pickle.dumps(value))
        yield one(f"numpy/npy of {kind}", "array.npy", _npy(value))
    memory, packed = io.BytesIO(), io.BytesIO()
    np.savez(memory, a=X, b=Y)
    np.savez_compressed(packed, a=X, b=Y)
    yield one("numpy/npz", "arrays.npz", memory.getvalue())
    yield one("numpy/npz, compressed", "arrays.npz", packed.getvalue())
    yield one("numpy/objects", "objects.npy", _npy(np.array([{"a": 1}, "b", None], dtype=object)))
    yield one("numpy/structured", "table.npy", _npy(np.zeros(3, [("a", "i4"), ("b", "f8", (2,))])))
    yield one("numpy/generator", "rng.pkl", pickle.dumps(np.random.default_rng(1)))
    yield one("numpy/masked", "masked.pkl", pickle.dumps(np.ma.masked_array(X, X > 0)))


def _npy(value: np.ndarray) -> bytes:
    memory = io.BytesIO()
    np.save(memory, value, allow_pickle=True)
    return memory.getvalue()


def _pandas() -> Iterator[Case]:
    frame = pd.DataFrame({"n": Y, "x": X[:, 0], "word": [f"w{n}" for n in Y]})
    frame["kind"] = frame["word"].astype("category")
    frame["when"] = pd.date_range("2026-01-01", periods=len(frame))
    yield one("pandas/frame", "frame.pkl", pickle.dumps(frame))
    yield one("pandas/series", "series.pkl", pickle.dumps(frame["x"]))
    yield one("pandas/index", "index.pkl", pickle.dumps(frame.set_index(["n", "word"]).index))
    yield one("pandas/gzip", "frame.pkl.gz", gzip.compress(pickle.dumps(frame), mtime=0))
    yield one("pandas/csv", "frame.csv", frame.to_csv().encode())
    yield one("pandas/jsonl", "frame.jsonl", frame.to_json(orient="records", lines=True, date_format="iso").encode())


def estimators() -> Iterator[tuple[str, Any]]:
    from sklearn import (
        cluster,
        decomposition,
        dummy,
        ensemble,
        feature_extraction,
        gaussian_process,
        impute,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )
    from sklearn.compose import ColumnTransformer
    from sklearn.model_selection import GridSearchCV

    kinds = (
        linear_model.LogisticRegression(), linear_model.Ridge(), linear_model.SGDClassifier(), linear_model.LassoCV(cv=2),
        svm.SVC(), svm.LinearSVC(), tree.DecisionTreeClassifier(), ensemble.RandomForestClassifier(5),
        ensemble.GradientBoostingClassifier(n_estimators=5), ensemble.HistGradientBoostingClassifier(max_iter=3),
        ensemble.IsolationForest(n_estimators=5), ensemble.AdaBoostClassifier(n_estimators=3), ensemble.StackingClassifier([("a", tree.DecisionTreeClassifier())], cv=2),
        neighbors.KNeighborsClassifier(), neighbors.KNeighborsClassifier(algorithm="ball_tree"), naive_bayes.GaussianNB(),
        neural_network.MLPClassifier((3,), max_iter=5), cluster.KMeans(2, n_init=1), cluster.DBSCAN(), decomposition.PCA(2),
        decomposition.NMF(2, max_iter=5), gaussian_process.GaussianProcessClassifier(), impute.SimpleImputer(), dummy.DummyClassifier(),
        preprocessing.StandardScaler(), preprocessing.OneHotEncoder(), preprocessing.PolynomialFeatures(), preprocessing.QuantileTransformer(n_quantiles=5),
        pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVC()), GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
        ColumnTransformer([("a", preprocessing.MinMaxScaler(), [0, 1])]),
    )  # fmt: skip
    data = np.abs(X)
    for kind in kinds:
        yield type(kind).__name__, kind.fit(data, Y)
    words = feature_extraction.text.TfidfVectorizer().fit(["a red cat", "a blue dog"])
    yield "TfidfVectorizer", words


def _sklearn() -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, (name, fitted) in enumerate(estimators()):
            yield one(f"sklearn/{name} {number}, joblib", "model.joblib", _dumped(fitted))
            yield one(f"sklearn/{name} {number}, pickle", "model.pkl", pickle.dumps(fitted, 2 + number % 4))
            if name == "RandomForestClassifier":
                for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
                    yield one(f"sklearn/{name}, {method}", f"model.{method}", _dumped(fitted, compress=(method, 3)))


def _tensors() -> Iterator[Case]:
    import h5py
    from onnx import TensorProto, helper
    from safetensors.numpy import save

    from tests.model.gguf_maker import gguf, row, text_pair
    from tests.model.test_onnx import model as onnx_model
    from tests.model.test_template import BENIGN

    yield one("safetensors/two tensors", "model.safetensors", save({"a": X.astype("f4"), "b": Y}, {"format": "pt"}))
    yield one("safetensors/empty", "model.safetensors", save({"a": np.zeros((0, 3), "f4")}))
    memory = io.BytesIO()
    with h5py.File(memory, "w") as out:
        out.create_dataset("model/kernel", data=X, compression="gzip")
        out["model"].attrs["names"] = [b"kernel"]
    yield one("hdf5/weights", "weights.h5", memory.getvalue())
    weights = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    yield one("onnx/add", "model.onnx", onnx_model([node], [weights]).SerializeToString())
    for name, template in BENIGN.items():
        pairs = [text_pair("general.architecture", "llama"), text_pair("tokenizer.chat_template", template)]
        yield one(f"gguf/{name}", "model.gguf", gguf(pairs, [row("a", (32,), 0, 0)], bytes(128)))


def _repositories() -> Iterator[Case]:
    from tests.model import test_huggingface as hub

    for make in (hub.bert, hub.llama_with_adapter, hub.sentence_transformer, hub.diffusion_pipeline):
        yield Case(f"benign-repository/{make.__name__}", dict(make()), outcome="allow")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("config.json"), json.dumps({"model_type": "bert"}))
        archive.writestr(zipfile.ZipInfo("weights.npy"), _npy(X))
    yield one("repository/as a zip", "model.zip", packed.getvalue())


KEPT = (
    "keras_functional.json",
    "keras_sequential.h5",
    "keras_sequential.keras",
    "pandas_table.h5",
    "pytables_objects.h5",
)


def _kept() -> Iterator[Case]:
    """Files that libraries made which are not installed here; how is told beside them."""
    for name in KEPT:
        yield one(f"kept/{name}", name, gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    for path in sorted((REAL / "pickled").iterdir()):
        if path.suffix == ".arrow":
            state = json.dumps({"_data_files": [{"filename": path.name}], "_format_type": None}).encode()
            yield Case(
                f"benign-kept/dataset of {path.name}",
                {path.name: path.read_bytes(), "state.json": state},
                outcome="allow",
            )
        else:
            yield one(f"kept/{path.name}", path.name, path.read_bytes())
