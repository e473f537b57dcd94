"""What a Python script does to models and data, read from its syntax tree: what it loads, reads, trains and saves.

Never imported. Names are followed through constants of the file, defaults of command line options and fields of
dataclasses; what is put together at run time stays unknown.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.bom.build.environment_values import plain
from assaymark.core.source.python import parse_python

_MOST = 500
"""Things of one kind in one script."""
_LONGEST = 500
_NO_BASE = re.compile(r"Tokenizer|Processor|Config|FeatureExtractor|Vectorizer|TrainingArguments")
_READS = frozenset(
    {
        "read_csv", "read_parquet", "read_json", "read_table", "read_excel", "read_feather", "read_orc", "read_hdf",
        "scan_csv", "scan_parquet", "scan_ndjson", "read_ndjson", "read_fwf", "loadtxt", "genfromtxt", "load_from_disk",
        "ImageFolder", "DatasetFolder", "image_dataset_from_directory", "flow_from_directory", "TFRecordDataset",
        "TextLineDataset", "from_csv", "from_json", "from_parquet", "load_svmlight_file", "imread", "DMatrix", "CSVLoader",
    }
)  # fmt: skip
_SAVES = {
    "save_pretrained": 0, "save_file": 1, "save_model": 0, "dump": 1, "push_to_hub": 0, "to_onnx": 0, "export": 0,
    "save_weights": 0, "save": 0, "savez": 0, "save_to_disk": 0, "save_lora_weights": 0, "write_gguf": 0,
}  # fmt: skip
"""Last name of a call that writes -> which argument is the place; of `torch.save`, `joblib.dump` the second."""
_OTHERS = frozenset(
    {"json", "yaml", "toml", "csv", "plt", "pyplot", "fig", "figure", "image", "img", "Image", "wandb", "f"}
)
"""Whose `dump` and `save` are of something else than a model."""
_KEYWORDS = (
    "path", "save_directory", "output_dir", "filename", "f", "filepath", "file", "path_or_fileobj", "repo_id", "data_dir",
    "filepath_or_buffer", "root", "directory", "source", "fname", "path_or_buf",
)  # fmt: skip
_TRAINS = frozenset(
    {"fit", "train", "partial_fit", "fit_transform", "fit_generator", "train_model", "finetune", "backward"}
)
_LEARNING = frozenset(
    {
        "torch", "transformers", "sklearn", "tensorflow", "keras", "xgboost", "lightgbm", "catboost", "jax", "flax", "optax", "peft",
        "trl", "lightning", "pytorch_lightning", "sentence_transformers", "datasets", "fastai", "spacy", "gensim", "fasttext",
        "autogluon", "ultralytics", "accelerate", "deepspeed", "mlx", "setfit", "diffusers", "timm", "paddle", "mxnet", "unsloth",
        "flair", "statsmodels", "prophet", "river", "implicit", "surprise", "tensorflow_datasets", "torchvision", "skl2onnx",
    }
)  # fmt: skip
"""Modules of libraries that train: `fit` of anything else may be a matter of clothes."""
_ARGUMENTS = re.compile(r"(?:Seq2Seq)?TrainingArguments|(?:SFT|DPO|PPO|GRPO|ORPO|KTO|Reward|Lora|QLora|Peft)Config")


@dataclass(frozen=True, slots=True)
class Named:
    """Something that the script names: `name` a repository, package dataset or path; `how` the function."""

    name: str
    line: int
    how: str
    revision: str = ""
    split: str = ""
    config: str = ""


@dataclass(slots=True)
class Script:
    """All that was seen."""

    models: list[Named] = field(default_factory=list)
    datasets: list[Named] = field(default_factory=list)
    reads: list[Named] = field(default_factory=list)
    saves: list[Named] = field(default_factory=list)
    trains: list[Named] = field(default_factory=list)
    hyperparameters: dict[str, str | int | float | bool] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)

    @property
    def role(self) -> str:
        """`training`, `conversion` (loads and saves), `data`, `inference` or ""."""
        if self.trains and (self.saves or self.datasets or not _LEARNING.isdisjoint(self.imports)):
            return "training"
        if self.saves and (self.models or self.reads or self.datasets):
            return "conversion"
        if self.datasets or self.reads:
            return "data"
        return "inference" if self.models else ""


def read(source: bytes | str) -> Script:
    """Look at one script. Raises Malformed where it is no Python 3, OverBudget where it is too big."""
    tree = parse_python(source)
    known = _Values(tree)
    script = Script()
    imported: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update((alias.name.partition(".")[0], None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported[node.module.partition(".")[0]] = None
        elif isinstance(node, ast.Call):
            _call(node, known, script)
    script.imports = list(imported)[:_MOST]
    for listed in (script.models, script.datasets, script.reads, script.saves, script.trains):
        listed.sort(key=lambda found: (found.line, found.name))
    return script


class _Values:
    """Texts that names stand for: constants bound once, defaults of options, fields of dataclasses."""

    def __init__(self, tree: ast.Module) -> None:
        self._names: dict[str, str | None] = {}
        self._fields: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._bind(node.target, node.value)
                if isinstance(node.target, ast.Name):
                    value = self.text(node.value) or self._default(node.value)
                    if value:
                        self._fields.setdefault(node.target.id, value)
            elif isinstance(node, ast.Call) and _last(node.func) == "add_argument":
                self._option(node)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            text = self.text(value)
            again = target.id in self._names and self._names[target.id] != text
            self._names[target.id] = None if again else text or None
        elif isinstance(target, ast.Attribute) and (text := self.text(value)):
            self._fields.setdefault(target.attr, text)

    def _option(self, node: ast.Call) -> None:
        default = next((self.text(k.value) for k in node.keywords if k.arg == "default"), "")
        named = next((self.text(k.value) for k in node.keywords if k.arg == "dest"), "")
        flags = [self.text(argument) for argument in node.args]
        named = named or next((flag for flag in flags if flag.startswith("--")), flags[0] if flags else "")
        if default and named:
            self._fields.setdefault(named.lstrip("-").replace("-", "_"), default)

    def _default(self, value: ast.expr) -> str:
        """The default of `field(default=…)`."""
        if isinstance(value, ast.Call) and _last(value.func) in {"field", "Field"}:
            return next((self.text(k.value) for k in value.keywords if k.arg == "default"), "")
        return ""

    def text(self, node: ast.expr | None) -> str:
        """The text of an expression; "" where it is none that is known."""
        if isinstance(node, ast.Constant):
            return node.value[:_LONGEST] if isinstance(node.value, str) else ""
        if isinstance(node, ast.Name):
            return self._names.get(node.id) or ""
        if isinstance(node, ast.Attribute):
            return self._fields.get(node.attr, "")
        if isinstance(node, ast.Call) and _last(node.func) in {"Path", "PosixPath", "str", "join", "PurePath"}:
            parts = [self.text(argument) for argument in node.args]
            return posixpath.join(*parts)[:_LONGEST] if parts and all(parts) else ""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left, right = self.text(node.left), self.text(node.right)
            return posixpath.join(left, right)[:_LONGEST] if left and right else ""
        return ""


def _last(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _owner(function: ast.expr) -> str:
    """What stands before the last dot, as far as it is names."""
    parts: list[str] = []
    node = function.value if isinstance(function, ast.Attribute) else None
    while isinstance(node, ast.Attribute) and len(parts) < 10:
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _call(node: ast.Call, known: _Values, script: Script) -> None:
    last, owner = _last(node.func), _owner(node.func)
    if not last:
        return
    given = {k.arg: k.value for k in node.keywords if k.arg}
    first = known.text(node.args[0]) if node.args else ""
    found = Named(first, node.lineno, f"{owner}.{last}" if owner else last, known.text(given.get("revision")))
    _models(node, known, given, found, script)
    _datasets(node, known, given, found, script)
    place = _place(node, known, given, 0)
    if last in _READS and place:
        _keep(script.reads, place, found)
    elif first and _opens(node, last, owner) and _reads(node, known):
        _keep(script.reads, first, found)
    _saves(node, known, given, found, script)
    if (last in _TRAINS and owner and owner.rpartition(".")[2] not in {"ImageOps", "np", "numpy", "tokenizer"}) or (
        last.endswith("Trainer")
    ):
        _keep(script.trains, last, found)
    if _ARGUMENTS.fullmatch(last) or (last.endswith(("Classifier", "Regressor")) and given):
        _hyperparameters(given, script)


def _opens(node: ast.Call, last: str, owner: str) -> bool:
    return (last == "load" and owner in {"np", "numpy", "joblib"}) or (
        last == "open" and isinstance(node.func, ast.Name)
    )


def _reads(node: ast.Call, known: _Values) -> bool:
    """It has no mode that writes."""
    mode = known.text(node.args[1]) if len(node.args) > 1 else ""
    mode = mode or next((known.text(k.value) for k in node.keywords if k.arg == "mode"), "")
    return not set(mode) & set("wax+")


def _models(node: ast.Call, known: _Values, given: dict[str, ast.expr], found: Named, script: Script) -> None:
    last, owner = _last(node.func), _owner(node.func)
    name = ""
    if last == "from_pretrained" and not _NO_BASE.search(owner):
        name = found.name or known.text(given.get("pretrained_model_name_or_path")) or known.text(given.get("model_id"))
        name = name or known.text(given.get("model_name"))
        if not name and "Peft" in owner and len(node.args) > 1:
            name = known.text(node.args[1])
    elif last in {"hf_hub_download", "snapshot_download"}:
        name = found.name or known.text(given.get("repo_id"))
        if known.text(given.get("repo_type")) == "dataset":
            _keep(script.datasets, name, found)
            return
    elif last == "pipeline":
        name = known.text(given.get("model")) or (known.text(node.args[1]) if len(node.args) > 1 else "")
    elif last in {"SentenceTransformer", "CrossEncoder", "YOLO", "LLM"} or (last == "create_model" and "timm" in owner):
        name = found.name or known.text(given.get("model"))
    elif last == "load" and owner == "torch.hub" and len(node.args) > 1:
        name = f"{found.name}/{known.text(node.args[1])}".strip("/")
    elif last.endswith("Trainer"):
        name = known.text(given.get("model"))
    if name:
        _keep(script.models, name, found)


def _datasets(node: ast.Call, known: _Values, given: dict[str, ast.expr], found: Named, script: Script) -> None:
    last, owner = _last(node.func), _owner(node.func)
    if last in {"load_dataset", "load_dataset_builder"} or (
        last == "load" and owner in {"tfds", "tensorflow_datasets"}
    ):
        name = found.name or known.text(given.get("path")) or known.text(given.get("name"))
        config = known.text(node.args[1]) if len(node.args) > 1 else known.text(given.get("name"))
        files = _strings(given.get("data_files"), known)
        for file in files:
            _keep(script.reads, file, found)
        if name and not (files and name in {"csv", "json", "parquet", "text", "arrow", "imagefolder", "audiofolder"}):
            kept = Named(name, node.lineno, found.how, found.revision, known.text(given.get("split")), config)
            if len(script.datasets) < _MOST:
                script.datasets.append(kept)
    elif last == "fetch_openml":
        _keep(script.datasets, f"openml:{found.name or known.text(given.get('name'))}", found)
    elif re.fullmatch(r"(?:fetch|load)_[a-z0-9_]+", last) and ("sklearn" in owner or owner.endswith("datasets")):
        _keep(script.datasets, f"sklearn:{last.partition('_')[2]}", found)
    elif owner.endswith("datasets") and last[:1].isupper() and last not in _READS and owner != "datasets":
        _keep(script.datasets, f"{owner.partition('.')[0]}:{last}", found)
    elif last == "load_data" and "datasets" in owner:
        _keep(script.datasets, f"keras:{owner.rpartition('.')[2]}", found)


def _strings(node: ast.expr | None, known: _Values) -> list[str]:
    """The texts of a text, a list of texts, or a table of these."""
    values: list[ast.expr] = [node] if node is not None else []
    found: list[str] = []
    while values and len(found) < _MOST:
        value = values.pop()
        if isinstance(value, ast.Dict):
            values += value.values
        elif isinstance(value, (ast.List, ast.Tuple)):
            values += value.elts
        elif text := known.text(value):
            found.append(text)
    return sorted(found)


def _saves(node: ast.Call, known: _Values, given: dict[str, ast.expr], found: Named, script: Script) -> None:
    last, owner = _last(node.func), _owner(node.func)
    if last not in _SAVES or owner.rpartition(".")[2] in _OTHERS:
        return
    second = owner in {"torch", "joblib", "pickle", "cloudpickle", "dill", "safetensors", "safetensors.torch"}
    at = 1 if second and last in {"save", "dump", "save_file"} else _SAVES[last]
    if owner in {"torch.onnx", "onnx"} and last == "export":
        at = 2
    place = _place(node, known, given, at)
    _keep(script.saves, place or "?", found)


def _place(node: ast.Call, known: _Values, given: dict[str, ast.expr], at: int) -> str:
    place = known.text(node.args[at]) if len(node.args) > at else ""
    if not place and len(node.args) > at and isinstance(node.args[at], ast.Call):
        inner = node.args[at]
        place = known.text(inner.args[0]) if isinstance(inner, ast.Call) and inner.args else ""
    return place or next((text for key in _KEYWORDS if key in given and (text := known.text(given[key]))), "")


def _keep(kept: list[Named], name: str, found: Named) -> None:
    if name and len(kept) < _MOST:
        kept.append(Named(name, found.line, found.how, found.revision))


def _hyperparameters(given: dict[str, ast.expr], script: Script) -> None:
    for name, value in given.items():
        number = value.operand if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub) else value
        if not isinstance(number, ast.Constant) or not isinstance(number.value, (str, int, float, bool)):
            continue
        held = number.value
        if isinstance(held, str) and (len(held) > 200 or plain(name, held) != held):
            continue
        if isinstance(held, float) and held in {float("inf"), float("-inf")}:
            continue
        if number is not value and not isinstance(held, str):
            held = -held
        if len(script.hyperparameters) < _MOST and abs(held if isinstance(held, (int, float)) else 0) < 1 << 53:
            script.hyperparameters.setdefault(name, held)


def cells(document: object) -> Iterator[str]:
    """The source of each code cell of a notebook, magics and shell lines emptied."""
    listed = document.get("cells") if isinstance(document, dict) else None
    for cell in (listed if isinstance(listed, list) else [])[:5_000]:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source")
            text = "".join(s for s in source if isinstance(s, str)) if isinstance(source, list) else source
            if isinstance(text, str):
                yield "\n".join("" if line.lstrip()[:1] in {"%", "!", "?"} else line for line in text.split("\n"))
