"""Makes the files of pickled/: `python make_pickled.py FOLDER SUFFIX` writes those of the libraries that are installed.

SUFFIX names the environment. `now`: scikit-learn 1.9.1, scipy 1.17.1, pandas 2.3.3, statsmodels 0.15.0, category_encoders 2.11.2,
mlxtend 0.25.0, pyod 3.6.7, lifelines 0.30.3, nltk 3.10.4, networkx 3.6.1, hdbscan 0.8.44, polars 2.1.0, pyarrow 26.0.1,
dill 0.4.1. `text`: gensim 4.4.0, scikit-surprise 1.1.5, implicit 0.7.3. `2022`: scikit-learn 1.0.2, scipy 1.7.3, pandas 1.3.5.
`2019`: scikit-learn 0.21.3, scipy 1.3.3, pandas 0.25.3. `2024`: scikit-learn 1.4.2, pandas 1.5.3, statsmodels 0.14.1.
"""

import argparse
import importlib
import operator
import pickle
import sys
from pathlib import Path

import numpy as np

FOLDER, SUFFIX = Path(sys.argv[1]), sys.argv[2]
rng = np.random.RandomState(0)
X = np.abs(rng.normal(size=(40, 4)))
Y = (X[:, 0] > 0.6).astype(int)


def keep(name, value, protocol=4):
    (FOLDER / f"{name}-{SUFFIX}.pkl").write_bytes(pickle.dumps(value, protocol))


def of(module, name):
    return getattr(importlib.import_module(module), name)


def scipy():
    import scipy.stats as st

    keep("scipy-frozen", {"C": st.reciprocal(0.1, 10), "depth": st.randint(1, 9), "norm": st.norm(0, 1)})
    keep("scipy-distributions", [st.gamma, st.poisson, st.beta(1, 2)], 2)


def sklearn():
    import joblib
    import scipy.stats as st

    search = of("sklearn.model_selection", "RandomizedSearchCV")
    tree = of("sklearn.tree", "DecisionTreeClassifier")()
    fitted = search(tree, {"max_depth": st.randint(1, 4)}, n_iter=2, cv=2, random_state=0).fit(X, Y)
    joblib.dump(fitted, FOLDER / f"sklearn-search-{SUFFIX}.joblib")
    functions = of("sklearn.preprocessing", "FunctionTransformer")
    keep("sklearn-functions", [functions(np.log1p), functions(operator.itemgetter("a")), functions(str.lower)])
    joblib.dump(
        [np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), X], FOLDER / f"numpy-record-{SUFFIX}.joblib"
    )


def boosting():
    classifier = of("sklearn.ensemble", "HistGradientBoostingClassifier")
    keep("sklearn-categorical", classifier(max_iter=2, categorical_features=[0]).fit(np.c_[np.arange(40) % 3, X], Y))


def pandas():
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None], "d": pd.Categorical(["u", "v"])})
    keep("pandas-frame", frame)
    keep("pandas-frame-2", frame, 2)
    keep("arguments", {"args": argparse.Namespace(lr=0.1, path="data"), "frame": frame})


def statsmodels():
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    frame = pd.DataFrame(X, columns=list("abcd"))
    sm.OLS(X[:, 0], X[:, 1:]).fit().save(FOLDER / f"statsmodels-ols-{SUFFIX}.pickle")
    sm.GLM(Y, X, family=sm.families.Binomial()).fit().save(FOLDER / f"statsmodels-glm-{SUFFIX}.pickle")
    smf.ols("a ~ b + np.log(c)", frame).fit().save(FOLDER / f"statsmodels-formula-{SUFFIX}.pickle", remove_data=True)
    sm.tsa.ARIMA(X[:, 0], order=(1, 0, 0)).fit().save(FOLDER / f"statsmodels-arima-{SUFFIX}.pickle", remove_data=True)


def estimators():
    import pandas as pd

    frame = pd.DataFrame({"k": ["x", "y"] * 20, "a": X[:, 0]})
    keep("category-encoders", of("category_encoders", "TargetEncoder")(cols=["k"]).fit(frame, Y))
    keep("mlxtend", of("mlxtend.preprocessing", "TransactionEncoder")().fit([["a", "b"]]))
    keep("pyod", of("pyod.models.ecod", "ECOD")().fit(X))
    keep("hdbscan", of("hdbscan", "HDBSCAN")(min_cluster_size=5).fit(X))


def lifelines():
    keep("lifelines", of("lifelines", "KaplanMeierFitter")().fit(X[:, 0], Y))


def nltk():
    import nltk

    counts = nltk.ConditionalFreqDist([("a", 1), ("b", 2)])
    bayes = nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")])
    tree = nltk.Tree("S", [nltk.Tree("N", ["a"])])
    keep("nltk", [counts, bayes, tree, nltk.PorterStemmer(), nltk.UnigramTagger([[("a", "N")]])])


def networkx():
    import networkx as nx

    graph = nx.karate_club_graph()
    keep("networkx", [graph, nx.MultiDiGraph([(1, 2)]), graph.nodes, graph.subgraph([1, 2])])


def frames():
    import datetime

    import polars as pl
    import pyarrow as pa

    table = pa.table({"a": [1, 2], "b": [[1], [2, 3]], "c": [{"q": 1}, None], "d": [datetime.datetime(2026, 1, 1)] * 2})
    keep("pyarrow", [table, pa.scalar(3), table.schema])
    keep("polars", pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    with (
        pa.OSFile(str(FOLDER / f"stream-{SUFFIX}.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write(table)


def dill():
    import pandas as pd

    (FOLDER / f"dill-{SUFFIX}.dill").write_bytes(of("dill", "dumps")({"x": X, "frame": pd.DataFrame(X)}))


def gensim():
    sentences = [["hello", "world", "x"], ["foo", "bar", "x"]] * 5
    dictionary = of("gensim.corpora", "Dictionary")(sentences)
    bags = [dictionary.doc2bow(words) for words in sentences]
    keep("gensim", [dictionary, of("gensim.models", "TfidfModel")(bags), of("gensim.models", "Phrases")(sentences)])
    of("gensim.models", "Word2Vec")(sentences, vector_size=4, min_count=1).save(
        str(FOLDER / f"word2vec-{SUFFIX}.model")
    )


def recommenders():
    import pandas as pd
    import scipy.sparse as sp
    import surprise

    rows = pd.DataFrame({"u": [1, 1, 2, 3], "i": [1, 2, 1, 2], "r": [3.0, 4.0, 5.0, 1.0]})
    data = surprise.Dataset.load_from_df(rows, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()
    keep("surprise", surprise.SVD(n_factors=2).fit(data))
    model = of("implicit.als", "AlternatingLeastSquares")(2, iterations=1)
    model.fit(sp.csr_matrix((X > 1).astype("f4")), show_progress=False)
    keep("implicit", model)


FOLDER.mkdir(parents=True, exist_ok=True)
for make in (
    scipy, sklearn, boosting, pandas, statsmodels, estimators, lifelines, nltk, networkx, frames, dill, gensim, recommenders,
):  # fmt: skip
    try:
        make()
    except (ImportError, TypeError, AttributeError) as error:
        sys.stderr.write(f"not made: {make.__name__} {error!r}\n")
