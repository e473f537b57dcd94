"""Folders and files of data, known by their formats and by what they are called; sizes, rows and columns where cheap."""

import re
from collections import Counter
from typing import Any

from assaymark.bom.build.data import rows as data_rows
from assaymark.bom.build.data.named import by_path
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import identity as models_identity
from assaymark.bom.build.models import weights as models_weights
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind

_FOLDERS = frozenset({"data", "dataset", "datasets", "corpus", "corpora"})
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".npz", ".npy", ".tfrecord", ".tfrecords",
          ".libsvm", ".svmlight", ".avro", ".orc", ".mat", ".csv.gz", ".jsonl.gz", ".jsonl.zst", ".tsv.gz")  # fmt: skip
"""What is data wherever it lies."""
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
_AUDIO = (".wav", ".flac", ".mp3", ".ogg")
_VIDEO = (".mp4", ".avi", ".mkv", ".webm")
_OTHERS = (".txt", ".json", ".xml", ".xlsx", ".h5", ".hdf5", ".pkl", ".pickle", ".zip", ".tar", ".tar.gz", ".tgz", ".gz", ".db",
           ".sqlite", ".pt", ".bin", ".geojson", ".conll", ".conllu", ".src", ".tgt", ".en", ".de", ".fr")  # fmt: skip
"""What is data in a folder that is called so."""
_NO_DATA = re.compile(
    r"(?:.*(?:results?|metrics?|logs?|history|predictions?|submission|benchmark|leaderboard|report|training_args|events)"
    r"(?:[._-].*)?|vocab|merges|labels?|classes|tokens?|special_tokens_map)\.(?:csv|tsv|jsonl|ndjson|txt|npz|npy)(?:\.gz)?"
)
_ENVIRONMENT = re.compile(
    r"(?:^|/)(?:site-packages|dist-packages|node_modules|\.venv|venv|__pycache__|\.git|\.dvc|\.cache|mlruns|wandb)/"
)
_SPLITS = re.compile(r"(?:^|[/_.-])(train|training|test|testing|valid|validation|val|dev|eval)(?=$|[/_.-])")
_CALLED = {
    "training": "train",
    "testing": "test",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "test",
}
_EACH = 50
"""Files of a folder of data that are components of their own."""
_CLASSES = 20
"""Images or sounds from which on a folder is a dataset, whatever it is called."""
_COUNTED = 200
"""Files of one folder whose rows are counted."""


def gather(sight: Sight, draft: Draft) -> None:
    """A component for each folder of data, one for each file where there are few, and one for data that lies elsewhere."""
    weights = {
        target[5:] for _, kind, target in draft.relations if kind is EdgeKind.CONTAINS and target.startswith("file:")
    }
    folders: dict[str, list[str]] = {}
    for path in sorted(sight.tree.files):
        if path in weights or _ENVIRONMENT.search(path) or models_identity.is_cache(f"{sight.name}/{path}"):
            continue
        folder = _folder(path)
        if folder is not None and _is_data(path, inside=True):
            folders.setdefault(folder, []).append(path)
        elif folder is None and _is_data(path, inside=False):
            folders.setdefault(f"{path}\0", []).append(path)
    media = _media(sight, weights, folders)
    for folder, paths in sorted({**folders, **media}.items()):
        if folder.endswith("\0"):
            _file(sight, draft, paths[0])
        elif f"{folder}/__init__.py" not in sight.tree.files:
            _dataset(sight, draft, folder, paths)


def _folder(path: str) -> str | None:
    """The outermost folder of the path that is called data."""
    parts = path.split("/")
    for end, part in enumerate(parts[:-1], 1):
        if part.lower() in _FOLDERS:
            return "/".join(parts[:end])
    return None


def _is_data(path: str, *, inside: bool) -> bool:
    base = path.rpartition("/")[2].lower()
    if inside:
        known = base.endswith((*TABLES, *_IMAGES, *_AUDIO, *_VIDEO, *_OTHERS)) or "." not in base
        return known and not base.startswith(("readme", "license", ".", "dataset_info", "croissant"))
    return base.endswith(TABLES) and not _NO_DATA.fullmatch(base) and base != "requirements.txt"


def _media(sight: Sight, weights: set[str], folders: dict[str, list[str]]) -> dict[str, list[str]]:
    """Folders of many images or sounds, by the folder above those of the classes and splits."""
    taken = {path for paths in folders.values() for path in paths} | weights
    found: dict[str, list[str]] = {}
    for path in sorted(sight.tree.files):
        if path.lower().endswith((*_IMAGES, *_AUDIO)) and path not in taken and not _ENVIRONMENT.search(path):
            parts = path.split("/")[:-1]
            found.setdefault(parts[0] if parts else "", []).append(path)
    return {folder: paths for folder, paths in found.items() if folder and len(paths) >= _CLASSES}


def _dataset(sight: Sight, draft: Draft, folder: str, paths: list[str]) -> None:
    """One folder of data, and its files where there are few."""
    sketch = by_path(sight, draft, folder)
    place = Place(folder)
    sketch.say("modalities", sorted({kind for path in paths if (kind := _modality(path))}), Status.INFERRED, place)
    rows, splits, whole = 0, Counter[str](), True
    for count, path in enumerate(paths):
        inner = _file(sight, draft, path, within=sketch) if len(paths) <= _EACH else None
        number = _rows(sight, path, inner) if count < _COUNTED else None
        whole = whole and number is not None
        rows += number or 0
        match = _SPLITS.search(path[len(folder) :].lower())
        if match:
            splits[_CALLED.get(match[1], match[1])] += number or 0
    if whole:
        sketch.say("rows", rows, Status.OBSERVED, place)
        if splits:
            sketch.say("splits", dict(sorted(splits.items())), Status.INFERRED, place)
    elif splits:
        sketch.say("splits", sorted(splits), Status.INFERRED, place)


def _file(sight: Sight, draft: Draft, path: str, within: Sketch | None = None) -> Sketch:
    """One file of data; of a pointer of git-lfs the digest that it names."""
    start = b""
    if sight.tree.files[path].size < 1024:
        try:
            start = sight.tree.start(path, 1024)
        except AssayError:
            start = b""
    sketch = by_path(sight, draft, path)
    if models_weights.is_pointer(start, sight.tree.files[path].size):
        _pointer(draft, sketch, path, start)
    modality = _modality(path)
    sketch.say("modalities", [modality] if modality else None, Status.INFERRED, Place(path))
    sketch.say("format", _format(path), Status.INFERRED, Place(path))
    if within is not None:
        draft.relate(within, EdgeKind.CONTAINS, sketch, Status.OBSERVED, Place(path))
    else:
        _rows(sight, path, sketch)
    return sketch


def _pointer(draft: Draft, sketch: Sketch, path: str, start: bytes) -> None:
    from assaymark.bom.build.models.find import pointer

    digest, size = pointer(start)
    for fact in ("sha256", "size"):
        sketch.facts.pop(fact, None)  # those of the pointer are not those of the data
    sketch.say(
        "sha256", digest, Status.DECLARED, Place(path, "line 2"), note="a pointer of git-lfs; the bytes are not here"
    )
    sketch.say("size", size, Status.DECLARED, Place(path, "line 3"))
    draft.gap(sketch, "content", f"{path} is a pointer of git-lfs, the data is not here", "git lfs pull")


def _rows(sight: Sight, path: str, sketch: Sketch | None) -> int | None:
    """Rows of a file that has rows, an image or a sound counts as one; None where it is not known."""
    if path.lower().endswith((*_IMAGES, *_AUDIO, *_VIDEO)):
        return 1
    found = data_rows.count(sight, path)
    if found is None:
        return None
    if sketch is not None:
        sketch.say("rows", found.rows, Status.OBSERVED, Place(path), note=found.note)
        columns: list[dict[str, Any]] = found.columns
        sketch.say("columns", columns, Status.OBSERVED, Place(path))
    return found.rows


def _modality(path: str) -> str:
    folded = path.lower()
    for name, endings in (
        ("image", _IMAGES),
        ("audio", _AUDIO),
        ("video", _VIDEO),
        ("text", (".txt", ".conll", ".conllu")),
    ):
        if folded.endswith(endings):
            return name
    return "tabular" if folded.endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz", ".xlsx", ".libsvm", ".svmlight")) else ""


def _format(path: str) -> str:
    base = path.rpartition("/")[2].lower()
    return base.split(".", 1)[1][:20] if "." in base[1:] and base.count(".") < 3 else ""
