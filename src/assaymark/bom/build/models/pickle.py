"""Pickles, joblib files and torch archives: the class of what they hold and the tensors in it, by inert evaluation."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError
from assaymark.core.format import Context
from assaymark.model.convert.values import Made, Symbol, text

_DATA = (
    frozenset({"numpy", "pandas", "pyarrow", "polars", "scipy", "__builtin__", "copy_reg"}) | sys.stdlib_module_names
)
"""Packages whose objects are data and no models."""
_PASSING = ("torch.optim", "torch.utils", "torch.distributed", "torch.distributions", "torch._utils", "torch.storage")
"""Modules of torch whose objects are no models."""
_TRAINING = ("optim", "opt_state", "lr_scheduler", "scheduler", "scaler", "grad_scaler")
"""Begin of the keys under which checkpoints keep what only training needs."""
_FRAMEWORKS = {
    "sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost", "torch": "pytorch",
    "keras": "keras", "tensorflow": "tensorflow", "transformers": "transformers", "statsmodels": "statsmodels",
    "imblearn": "imbalanced-learn", "spacy": "spacy", "fastai": "fastai", "ultralytics": "ultralytics", "gensim": "gensim",
}  # fmt: skip
_PARAMETERS = 40
_STEPS = 20
_DEPTH = 6
_FITTED = re.compile(r".*_$|^_")


def read(blob: Blob, context: Context, header: Header) -> None:
    """The class at the root, its settings, and the tensors that are there; raises what the evaluator does."""
    from assaymark.model.convert.sources import open_source

    if _is_program(blob, context, header):
        return
    try:
        source = open_source(blob, context.name, context.budget)
    except AssayError:
        _by_globals(blob, context, header)
        if "root" in header.metadata:
            return
        raise
    header.format = "torch" if source.framework == "pt" else header.format
    if source.framework == "pt":
        header.observe("framework", "pytorch", "data.pkl")
    root = _model(source.value)
    if root is not None:
        _estimator(root, header)
    if source.framework == "pt" or header.format == "npz":
        _tensors(source, context, header)
    elif not header.tensors:
        header.counted = False
    training = isinstance(source.value, dict) and {text(key) for key in source.value} == {"state", "param_groups"}
    header.metadata.setdefault("data", training or (root is None and not header.tensors))


def _is_program(blob: Blob, context: Context, header: Header) -> bool:
    """TorchScript and exported programs: the storages are counted, the code is not read."""
    if blob.read(0, 2) != b"PK":
        return False
    from assaymark.bom.build.models.zip import names

    found = names(blob, context)
    script = any(name.endswith("/constants.pkl") for name in found)
    exported = any(name.rpartition("/")[2] in {"serialized_exported_program.json", "archive_format"} for name in found)
    served = "MAR-INF/MANIFEST.json" in found
    if not (script or exported or served):
        return False
    header.format = "torchscript" if script else "torch-export" if exported else "torchserve"
    header.observe("framework", "pytorch", header.format)
    header.counted = False
    if script:
        _script(blob, context, header)
    return True


def _script(blob: Blob, context: Context, header: Header) -> None:
    from assaymark.model.weights.source import Weights, weights

    for item in weights(blob, context, lambda _name: None):
        if isinstance(item, Weights):
            header.tensor(item.name, item.dtype, item.shape)
    header.counted = True


def _tensors(source: Any, context: Context, header: Header) -> None:
    from assaymark.model.convert.flatten import Flattener

    flattener = Flattener(source.storages, context.budget, leave=True)
    flattener.walk(source.value)
    seen = set()
    for name, tensor in flattener.flat.tensors.items():
        if name.startswith(_TRAINING):
            continue
        header.tensor(name, tensor.dtype, tensor.shape)
        place = (tensor.storage.key, tensor.span) if tensor.storage.key is not None else None
        if place is not None and place in seen:  # tied: the same numbers under another name
            header.elements[tensor.dtype] -= _count(tensor.shape)
        seen.add(place)


def _count(shape: tuple[int, ...]) -> int:
    from math import prod

    return prod(shape)


def _named(value: object) -> Symbol | None:
    """The class of an object, also where copyreg or a `__new__` made it."""
    if not isinstance(value, Made):
        return None
    of = value.of
    if (
        isinstance(of, Symbol)
        and of.module in {"copyreg", "copy_reg"}
        and value.args
        and isinstance(value.args[0], Symbol)
    ):
        return value.args[0]
    return of if isinstance(of, Symbol) else None


def _model(value: object, depth: int = 0) -> Made | None:
    """The object that is the model: the root, or the first one in a dict, list or tuple."""
    symbol = _named(value)
    if symbol is not None and isinstance(value, Made):
        package = symbol.module.partition(".")[0]
        passing = symbol.module.startswith(_PASSING) or symbol.module == "torch" or symbol.name.startswith("_rebuild")
        foreign = depth > 0 and package not in _FRAMEWORKS  # arguments and the like beside the weights
        return None if package in _DATA or passing or foreign else value
    if depth < _DEPTH and isinstance(value, (dict, list, tuple)):
        inner = value.values() if isinstance(value, dict) else value
        for item in list(inner)[:100]:
            found = _model(item, depth + 1)
            if found is not None:
                return found
    return None


def _estimator(root: Made, header: Header) -> None:
    """Class, version and settings of a pickled object."""
    symbol = _named(root)
    if symbol is None:
        return
    header.metadata["root"] = str(symbol)
    header.observe("architecture", symbol.name[:200], str(symbol)[:300])
    state = {name: value for key, value in (root.state or {}).items() if (name := text(key))}
    package = symbol.module.partition(".")[0]
    version = text(state.get(f"_{package}_version"))
    framework = _FRAMEWORKS.get(package, package)
    header.observe("framework", f"{framework} {version}" if version else framework, str(symbol)[:300])
    settings = {name: value for name, value in state.items() if not _FITTED.match(name) and _plain(value)}
    header.observe("hyperparameters", dict(sorted(settings.items())[:_PARAMETERS]), "state")
    steps = list(_steps(state.get("steps")))
    if steps:
        header.observe("family", " > ".join(steps)[:500], "state.steps")
    names = state.get("feature_names_in_")
    if isinstance(names, list):
        header.observe(
            "inputs", [{"name": name[:200]} for item in names[:100] if (name := text(item))], "feature_names_in_"
        )
    approach = (
        "supervised" if symbol.name.endswith(("Classifier", "Regressor", "Regression", "SVC", "SVR", "NB")) else ""
    )
    if package in {"sklearn", "xgboost", "lightgbm", "catboost", "imblearn"} and approach:
        header.infer("approach", approach, str(symbol)[:300])
        header.infer(
            "task", "tabular-regression" if _regresses(symbol.name) else "tabular-classification", str(symbol)[:300]
        )


def _regresses(name: str) -> bool:
    return name.endswith(("Regressor", "SVR")) or (name.endswith("Regression") and name != "LogisticRegression")


def _steps(steps: object) -> Iterator[str]:
    for step in steps[:_STEPS] if isinstance(steps, list) else ():
        symbol = _named(step[1]) if isinstance(step, tuple) and len(step) == 2 else None
        if symbol is not None:
            yield symbol.name[:100]


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return value == value and value not in {float("inf"), float("-inf")}  # noqa: PLR0124 - NaN is no JSON
    if isinstance(value, int):
        return abs(value) < 1 << 53
    return value is None or (isinstance(value, str) and len(value) <= 200)


def _by_globals(blob: Blob, context: Context, header: Header) -> None:
    """Where the stream cannot be followed to its end: the first class of a framework that it names."""
    from assaymark.model.formats.pickle import PickleView, parse

    header.counted = False
    content = _content(blob, context)
    try:
        for item in parse(content, context):
            if not isinstance(item, PickleView):
                continue
            for event in item.of("import"):
                package = event.module.partition(".")[0]
                if (
                    package in _FRAMEWORKS
                    and event.name[:1].isupper()
                    and not event.module.startswith((*_PASSING, "torch.Size"))
                ):
                    header.metadata["root"] = f"{event.module}.{event.name}"
                    header.format = "torch" if package == "torch" else header.format
                    header.infer("architecture", event.name[:200], f"offset {event.offset}")
                    header.observe("framework", _FRAMEWORKS[package], f"offset {event.offset}")
                    return
            return
    except AssayError as error:
        header.fault = error.message


def _content(blob: Blob, context: Context) -> Blob:
    from assaymark.core.format import Head, Member
    from assaymark.model.formats import compressed
    from assaymark.model.formats.magic import is_compressed

    if is_compressed(Head(blob, context.name)):
        for item in compressed.parse(blob, context):
            if isinstance(item, Member):
                return item.blob
    return blob
