"""Makes the files of boosters/: xgboost 3.2.0 (`json`, `ubj`), 2.1.4 (`binf`), lightgbm 4.7.0, catboost 1.2.10.

python make_boosters.py FOLDER; with xgboost before 3.1 it writes the legacy binary files, else all the others.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost as xgb

rng = np.random.RandomState(0)
X = rng.rand(200, 4)
Y = X[:, 0] * 2 + X[:, 1]
BINARY = (Y > 1.5).astype(int)
CLASSES = rng.randint(0, 3, 200)
FRAME = pd.DataFrame(X, columns=list("abcd"))
FRAME["e"] = pd.Categorical(rng.choice(list("pqrs"), 200))
FRAME["f"] = pd.Categorical(rng.choice(list("pqrstuvwxyz"), 200))


def train(target, rounds=4, data=X, names=None, **params):
    matrix = xgb.DMatrix(data, label=target, feature_names=names, enable_categorical=True)
    return xgb.train({"max_depth": 3, **params}, matrix, rounds)


def legacy(folder: Path) -> None:
    models = {
        "tree": train(Y),
        "dart": train(Y, booster="dart", max_depth=2, rate_drop=0.5),
        "poisson": train(CLASSES, objective="count:poisson", max_depth=2),
        "prune": train(Y, tree_method="exact", gamma=0.5, max_depth=5),
    }
    models["tree"].set_attr(hello="world")
    for name, model in models.items():
        (folder / f"{name}.binf").write_bytes(bytes(model.save_raw("deprecated")))


def modern(folder: Path) -> None:
    vector = train(np.c_[Y, Y + 1], multi_strategy="multi_output_tree", tree_method="hist", max_depth=2)
    models = {
        "cls": train(BINARY, objective="binary:logistic", names=list("abcd")),
        "multi": train(CLASSES, objective="multi:softprob", num_class=3, max_depth=2),
        "dart": train(Y, booster="dart", max_depth=2, rate_drop=0.5),
        "lin": train(Y, booster="gblinear"),
        "vec": vector,
        "cat": train(Y, 5, FRAME, None, tree_method="hist", max_depth=4, max_cat_to_onehot=2),
    }
    for name, model in models.items():
        model.save_model(folder / f"{name}.ubj")
    models["cls"].save_model(folder / "cls.json")
    vector.save_model(folder / "vec.json")
    train(Y, tree_method="exact", gamma=0.5, max_depth=5).save_model(folder / "prune.json")
    (folder / "config.json").write_text(train(Y).save_config())
    (folder / "state.ubj").write_bytes(bytes(train(Y).__getstate__()["handle"]))


def lightgbm(folder: Path) -> None:
    import lightgbm as lgb

    def fit(target, data=X, rounds=3, **params):
        return lgb.train({"verbose": -1, "num_leaves": 6, **params}, lgb.Dataset(data, target), rounds)

    models = {
        "bin": fit(BINARY, objective="binary"),
        "lgb_multi": fit(CLASSES, objective="multiclass", num_class=3),
        "linear": fit(Y, linear_tree=True),
        "cat": fit(Y, FRAME, 6, min_data_per_group=1, cat_smooth=0),
        "stump": fit(Y, min_data_in_leaf=150),
        "empty_first": fit(Y, rounds=2, min_data_in_leaf=1000),
    }
    for name, model in models.items():
        model.save_model(folder / f"{name}.txt")


def catboost(folder: Path) -> None:
    import catboost as cb

    few = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    texts = pd.DataFrame(X, columns=list("abcd"))
    texts["e"] = rng.choice(list("pqrs"), 200)
    texts["t"] = rng.choice(["red fox", "blue dog", "big cat"], 200)
    models = {
        "reg": cb.CatBoostRegressor(**few).fit(X, Y),
        "multi": cb.CatBoostClassifier(**few).fit(X, CLASSES),
        "loss": cb.CatBoostRegressor(**few, grow_policy="Lossguide", max_leaves=5).fit(X, Y),
        "text": cb.CatBoostClassifier(**few).fit(texts, BINARY, cat_features=["e"], text_features=["t"]),
    }
    for name, model in models.items():
        model.save_model(str(folder / f"{name}.cbm"))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if tuple(map(int, xgb.__version__.split(".")[:2])) < (3, 1):
        legacy(target)
    else:
        modern(target)
        lightgbm(target)
        catboost(target)
