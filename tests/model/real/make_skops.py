"""Makes the files of skops/: skops 0.16.0, scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.

python make_skops.py FOLDER
"""

import operator
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse
import scipy.special
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

folder = Path(sys.argv[1])
X = np.random.RandomState(0).rand(30, 3)
Y = (X[:, 0] > 0.5).astype(int)
MODELS = {
    "lr": LogisticRegression().fit(X, Y),
    "pipe": make_pipeline(StandardScaler(), SVC()).fit(X, Y),
    "tree": DecisionTreeClassifier().fit(X, Y),
    "hgb": HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
    "col": ColumnTransformer([("a", SimpleImputer(), [0])]).fit(X),
    "ft": FunctionTransformer(np.log1p),
    "ft2": FunctionTransformer(scipy.special.expit),
    "itg": FunctionTransformer(operator.itemgetter("a")),
    "part": FunctionTransformer(partial(np.clip, a_min=0, a_max=1)),
    "met": FunctionTransformer(operator.methodcaller("todense")),
    "meth": FunctionTransformer(Ridge().fit(X, Y).predict),
    "os": FunctionTransformer(os.system),
    "data": {
        "a": 1,
        2: [1, (2, 3), {4}],
        "b": b"x",
        "d": np.dtype("f4"),
        "g": np.random.default_rng(0),
        "rs": np.random.RandomState(1),
        "sp": scipy.sparse.csr_matrix(np.eye(3)),
        "ma": np.ma.array([1, 2]),
        "sl": slice(1, 2),
        "t": int,
        "m": np.float64,
        "ob": np.array([1, "a", None], dtype=object),
        "sc": np.float32(3),
        "ba": bytearray(b"q"),
    },
}
for name, model in MODELS.items():
    skops.io.dump(model, folder / f"{name}.skops")
