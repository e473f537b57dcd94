"""Boosted trees and fastText: what their headers say."""

import struct

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError
from assaymark.core.format import Context

_LOSSES = {1: "hierarchical softmax", 2: "negative sampling", 3: "softmax", 4: "one-vs-all"}
_MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
_CLASSES = ("binary", "multi", "cross", "lambda", "rank")


def booster(blob: Blob, context: Context, header: Header) -> None:
    """XGBoost, LightGBM and CatBoost: objective and number of trees."""
    import importlib

    from assaymark.model.boosters.views import BoosterView

    names = {"lightgbm": "lightgbm", "catboost": "catboost"}
    module = names.get(header.format) or ("xgboost_binary" if _is_binary(blob) else "xgboost")
    header.counted = False
    try:
        for item in importlib.import_module(f"assaymark.model.boosters.{module}").parse(blob, context):
            if isinstance(item, BoosterView):
                _booster(item.library, item.objective, item.trees, header)
    except AssayError as error:
        header.fault = error.message


def _is_binary(blob: Blob) -> bool:
    return blob.read(0, 1) not in {b"{", b" ", b"\n", b"\t", b"\r"}


def _booster(library: str, objective: str, trees: int, header: Header) -> None:
    header.observe("framework", library.lower())
    header.observe("architecture", f"{library} booster")
    header.observe("family", "gradient boosted trees")
    header.observe("approach", "supervised")
    header.observe("hyperparameters", {"objective": objective, "trees": trees} if objective else {"trees": trees})
    if objective:
        ranked = objective.removeprefix("reg:").startswith(_CLASSES) or objective == "reg:logistic"
        header.infer("task", "tabular-classification" if ranked else "tabular-regression", "objective")


def fasttext(blob: Blob, _context: Context, header: Header) -> None:
    """Args and sizes of fastText's `Model::save`: twelve integers and a float, then the dictionary's counts."""
    raw = exact(blob, 0, 8 + 12 * 4 + 8 + 12, "the fastText header")
    version = struct.unpack_from("<i", raw, 4)[0]
    dim, window, epoch, least, negative, ngrams, loss, model, bucket, minn, maxn, _rate = struct.unpack_from(
        "<12i", raw, 8
    )
    _sampling, _size, words, labels = struct.unpack_from("<d3i", raw, 56)
    header.counted = False
    header.observe("framework", "fasttext", "magic")
    header.observe("architecture", f"fastText {_MODELS.get(model, model)}", "args.model")
    header.observe("family", "fasttext", "magic")
    header.observe("approach", "supervised" if model == 3 else "self-supervised", "args.model")
    if model == 3:
        header.infer("task", "text-classification", "args.model")
    header.observe("hidden_size", dim, "args.dim")
    header.observe("vocabulary_size", words, "dictionary.nwords")
    settings = {
        "window": window, "epoch": epoch, "min_count": least, "negative": negative, "word_ngrams": ngrams,
        "loss": _LOSSES.get(loss, str(loss)), "bucket": bucket, "minn": minn, "maxn": maxn, "labels": labels,
        "version": version,
    }  # fmt: skip
    header.observe("hyperparameters", settings, "args")


def skops(blob: Blob, context: Context, header: Header) -> None:
    """The class at the root of `schema.json`, and the protocol's version."""
    from assaymark.bom.build.models.zip import members
    from assaymark.model.huggingface.configs import read_config

    header.counted = False
    schema = members(blob, context).get("schema.json")
    if schema is None:
        return
    context.budget.header(schema.size, "schema.json")
    config = read_config(schema.read(0, schema.size), "schema.json")
    kind, module, version = (config.get(key) for key in ("__class__", "__module__", "_skops_version"))
    if isinstance(kind, str) and isinstance(module, str):
        header.observe("architecture", kind[:200], "schema.json")
        header.infer(
            "framework", "scikit-learn" if module.startswith("sklearn") else module.partition(".")[0], "schema.json"
        )
    header.metadata["data"] = module in {"builtins", "collections", "numpy"}
    if isinstance(version, str):
        header.metadata["skops"] = version[:50]
