"""Makes the files of pmml/ and openvino/: nyoka 5.5.0, scikit-learn 1.9.1, openvino 2026.4.1.

python make_pmml_openvino.py FOLDER (which holds the two folders)
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pandas as pd
from nyoka import skl_to_pmml
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

folder = Path(sys.argv[1])
rng = np.random.RandomState(0)
X = pd.DataFrame(rng.rand(60, 3), columns=list("abc"))
Y = (X.a > 0.5).astype(int)
MODELS = {
    "lr": LogisticRegression(),
    "dt": DecisionTreeClassifier(max_depth=3),
    "rf": RandomForestClassifier(2, max_depth=2),
    "svc": SVC(),
    "km": KMeans(2),
}
for name, model in MODELS.items():
    pipeline = Pipeline([("s", StandardScaler()), ("m", model)]).fit(X, Y)
    skl_to_pmml(pipeline, list("abc"), "y", str(folder / "pmml" / f"{name}.pmml"))


def save(name, outputs, inputs, **options):
    ov.save_model(ov.Model(outputs, inputs, name), folder / "openvino" / f"{name}.xml", **options)


def linear():
    given = ops.parameter([1, 4], ov.Type.f32, name="x")
    weights = ops.constant(rng.rand(4, 3).astype("f4"))
    product = ops.relu(ops.matmul(given, weights, False, False))
    return [ops.add(product, ops.constant(np.array([1, 2, 3], "f4")))], [given]


save("ov", *linear(), compress_to_fp16=False)
save("ov16", *linear())
packed = ops.constant(ov.Tensor(np.arange(16, dtype="u1"), ov.Shape([32]), ov.Type.u4))
save("u4", [ops.convert(packed, "f32")], [])
save("empty", [ops.result(ops.constant(np.zeros((0, 3), "f4")))], [])
inner = ops.parameter([1, 4], ov.Type.f32)
total = ops.add(inner, ops.constant(np.ones((1, 4), "f4")))
outer = ops.parameter([1, 4], ov.Type.f32)
loop = ops.tensor_iterator()
loop.set_body(ov.Model([ops.result(total)], [inner], "body"))
loop.set_invariant_input(inner, outer.output(0))
save("loop", [loop.get_iter_value(total.output(0), -1)], [outer])
