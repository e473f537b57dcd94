"""Which models a folder holds: weights are grouped by the configuration that they belong to, or stand alone."""

import posixpath
import re
from dataclasses import dataclass, field

from assaymark.bom.build.draft import Sight
from assaymark.bom.build.models import card as models_card
from assaymark.bom.build.models import config as models_config
from assaymark.bom.build.models import gguf as models_gguf
from assaymark.bom.build.models import identity as models_identity
from assaymark.bom.build.models import weights as models_weights
from assaymark.bom.build.models.header import Header
from assaymark.core.errors import AssayError
from assaymark.core.format import Context

_START = 64
_ENVIRONMENT = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|\.venv|venv|__pycache__|\.git|\.dvc/cache)/"
)
_WHOLE = ("model_index.json", "modules.json", "config_sentence_transformers.json")
"""Files of a folder whose subfolders are parts of one model."""
_ANCHORS = (*_WHOLE, "adapter_config.json", "mergekit_config.yml", "mergekit_config.yaml", "saved_model.pb")
_PARTS = re.compile(r"(.*?)-\d{5}-of-\d{5}(\.\w+)$")
_ENDINGS = re.compile(
    r"(?:\.(?:safetensors|gguf|onnx|h5|hdf5|keras|pt|pth|ckpt|bin|pkl|pickle|joblib|tflite|mlmodel|pb|msgpack|cbm|ubj|skops"
    r"|gz|z|xz|json|txt|pmml|xml|model|index|data-\d{5}-of-\d{5}|pdparams|pdiparams|pdmodel))+$"
)
_LOOKED_AT = frozenset({
    "zip", "pickle", "torch", "compressed", *models_weights.PLAIN,
})  # fmt: skip
_FILES = 20_000
_HEADERS = 5_000
"""Weights files whose headers are read."""


@dataclass(slots=True)
class Group:
    """One model: the folder whose configuration it has ("" or ending in a slash), or the file that it is."""

    key: str
    folder: str
    files: dict[str, Header] = field(default_factory=dict)
    pointers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Weights of which git-lfs has only the pointer: digest and size."""
    anchored: bool = False


def find(sight: Sight) -> list[Group]:
    """Every model, by key; weights that turn out to be data are left out."""
    tree = sight.tree
    anchors = _anchors(sight)
    groups: dict[str, Group] = {}
    for folder in anchors:
        whole = _home(folder, anchors) or ""
        groups.setdefault(whole, Group(whole, whole, anchored=True))
    weights = _weights(sight)
    ggufs = _crowded(weights)
    for count, (path, (form, start)) in enumerate(sorted(weights.items())):
        folder = path[: path.rfind("/") + 1]
        home = _home(folder, anchors)
        key = home if home is not None and not (form == "gguf" and folder in ggufs) else _alone(path, form)
        group = groups.setdefault(key, Group(key, folder if home is None else home))
        if models_weights.is_pointer(start, tree.files[path].size):
            group.pointers[path] = pointer(start)
            group.files[path] = Header(form, counted=False)
        else:
            group.files[path] = _header(sight, path, form) if count < _HEADERS else Header(form, counted=False)
    for group in groups.values():
        _external(sight, group)
        if not group.anchored:
            group.files = {path: header for path, header in group.files.items() if not _is_data(header)}
    return [group for _, group in sorted(groups.items()) if group.files or group.anchored]


def _weights(sight: Sight) -> dict[str, tuple[str, bytes]]:
    """Path -> serialisation and first bytes of each file of weights."""
    found = {}
    for path, file in sorted(sight.tree.files.items()):
        base = path.rpartition("/")[2].lower()
        claims = base.endswith(models_weights.SUFFIXES) or not file.formats
        if not claims and _LOOKED_AT.isdisjoint(file.formats):
            continue
        if _ENVIRONMENT.search(path) or models_identity.is_cache(f"{sight.name}/{path}") or not file.size:
            continue
        try:
            start = sight.tree.start(path, 1024 if file.size < 1024 else _START)
        except AssayError:
            continue
        form = models_weights.format_of(file, start)
        if form:
            found[path] = form, start
        if len(found) >= _FILES:
            break
    return found


def _anchors(sight: Sight) -> dict[str, bool]:
    """Folders with a configuration or a card of a model, and whether all that is below belongs to it."""
    found: dict[str, bool] = {}
    for path in sorted(sight.tree.files):
        folder, slash, base = path.rpartition("/")
        if _ENVIRONMENT.search(path) or models_identity.is_cache(f"{sight.name}/{path}"):
            continue
        if base in _ANCHORS:
            found[folder + slash] = base in _WHOLE or found.get(folder + slash, False)
        elif base == "config.json":
            config = models_config.load(sight.tree, path)
            if config is not None and models_config.is_model(config):
                found.setdefault(folder + slash, False)
        elif base == "README.md" and _is_model_card(models_card.read(sight.tree, path)):
            found.setdefault(folder + slash, False)
    return found


def _is_model_card(card: models_card.Card) -> bool:
    return any(card.node(key) is not None for key in ("base_model", "pipeline_tag", "library_name", "model-index"))


def _home(folder: str, anchors: dict[str, bool]) -> str | None:
    """The folder of the model that `folder` is a part of: the outermost one that is whole, else the nearest anchor."""
    nearest: str | None = None
    outermost: str | None = None
    while True:
        if folder in anchors:
            nearest = folder if nearest is None else nearest
            outermost = folder if anchors[folder] else outermost
        if not folder:
            return nearest if outermost is None else outermost
        folder = folder[: folder.rstrip("/").rfind("/") + 1]


def _alone(path: str, form: str) -> str:
    """The key of weights that no configuration claims: what has the same stem is the same model."""
    folder, slash, base = path.rpartition("/")
    if form == "gguf":
        return models_gguf.split_of(path)
    if form in {"tensorflow-checkpoint", "openvino", "paddle", "coreml", "ncnn"}:
        return folder + slash + base.split(".")[0]
    whole = _PARTS.match(base)
    return folder + slash + (whole[1] if whole else _ENDINGS.sub("", base) or base)


def _crowded(weights: dict[str, tuple[str, bytes]]) -> set[str]:
    """Folders in which GGUF files are models of their own: several of them, or other weights beside."""
    kinds: dict[str, set[str]] = {}
    for path, (form, _) in weights.items():
        base = path.rpartition("/")[2].lower()
        if base.startswith("mmproj"):
            continue
        key = models_gguf.split_of(path) if form == "gguf" else "other"
        kinds.setdefault(path[: path.rfind("/") + 1], set()).add(key)
    return {folder for folder, found in kinds.items() if len(found) > 1}


def pointer(start: bytes) -> tuple[str, int]:
    """Digest and size that a pointer of git-lfs names."""
    text = start.decode("ascii", "replace")
    digest = re.search(r"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    size = re.search(r"^size (\d{1,15})$", text, re.MULTILINE)
    return digest[1] if digest else "", int(size[1]) if size else 0


def _header(sight: Sight, path: str, form: str) -> Header:
    try:
        with sight.tree.open(path) as blob:
            return models_weights.read(form, blob, Context(sight.budget, path.rpartition("/")[2]))
    except AssayError as error:
        return Header(form, fault=error.message, counted=False)


def _external(sight: Sight, group: Group) -> None:
    """Files that hold the values of ONNX tensors, where the model says so and they are below its folder."""
    for path, header in sorted(group.files.items()):
        for location in header.metadata.get("external", ()):
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), location))
            if inside in sight.tree.files and inside not in group.files:
                group.files[inside] = Header("onnx-data", counted=False)


def _is_data(header: Header) -> bool:
    """Arrays and tables that were pickled, and HDF5 files that Keras did not write."""
    if header.format in {"pickle", "torch", "skops", "npz"}:
        return bool(header.metadata.get("data")) or header.format == "npz"
    return header.format == "hdf5" and not header.metadata.get("keras") and not header.fault
