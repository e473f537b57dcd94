"""The tensors of a model by their headers: which files belong together, and what each set of them has.

A folder may hold the same model several times (safetensors beside a pickle, GGUF in ten quantisations): each is a set of its
own, and claims are held against the one that a loader would take.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import prod
from typing import Protocol

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Context, Member, Skipped
from assaymark.model.origin.ggufs import Metadata, metadata
from assaymark.model.weights.source import WIDTHS, Weights, read_header, weights

KINDS = (
    ("safetensors", (".safetensors",)),
    ("gguf", (".gguf",)),
    ("torch", (".bin", ".pt", ".pth", ".ckpt")),
    ("onnx", (".onnx",)),
    ("hdf5", (".h5", ".hdf5", ".keras")),
    ("numpy", (".npz", ".npy")),
    ("pickle", (".pkl", ".joblib", ".pickle")),
)
"""Kinds of weight files by what their names end in, the one that loaders prefer first."""
_HEADER = 64 << 20
_TENSORS = 500_000
_CHECKPOINTS = (b"PK", b"\x80", b"\x1f\x8b", b"GGUF", b"FUGG", b"x", b"BZ", b"\xfd7", b"(", b"]")
"""First bytes of zips, pickles and compressed ones; GGUF, too, is called `.bin` at times."""
_METADATA = 1000
_SHARD = re.compile(r"(.*?)[-_](\d{5})-of-(\d{5})$")
_MAIN = ("model", "diffusion_pytorch_model", "pytorch_model", "tf_model", "flax_model", "adapter_model", "consolidated")
_BESIDE = ("optimizer", "scheduler", "rng_state", "training_args", "scaler", "mmproj", "imatrix")
"""Files that hold no weights of the model itself."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `dtype` as in safetensors, or a packed type of ggml; `stored` is where its bytes are."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    file: str
    stored: Weights | None = None

    @property
    def elements(self) -> int:
        """How many values it has."""
        return prod(self.shape)


@dataclass
class Set:
    """One copy of the weights: `stem` is the file name without number and ending, `folder` ends with a slash or is empty."""

    folder: str
    stem: str
    kind: str
    files: list[str] = field(default_factory=list)
    declared: int = 1
    """How many files the names say there are."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    """Free texts of safetensors headers."""
    gguf: Metadata | None = None
    unread: list[tuple[str, str]] = field(default_factory=list)
    """(file, why) where tensors could not be had."""

    @property
    def complete(self) -> bool:
        """All files are there and were read, and there is something in them."""
        return not self.unread and len(self.files) == self.declared and bool(self.tensors)

    @property
    def is_adapter(self) -> bool:
        """Its tensors are added to those of another model."""
        marks = ("lora_", "adapter", "prompt_embeddings", "ia3_", "hada_w")
        return self.stem.startswith("adapter") or (
            bool(self.tensors) and all(any(mark in name for mark in marks) for name in self.tensors)
        )

    @property
    def parameters(self) -> int:
        """Values in all tensors, as they are stored."""
        return sum(tensor.elements for tensor in self.tensors.values())

    @property
    def bytes(self) -> int:
        """Sizes of all tensors together."""
        return sum(tensor.size for tensor in self.tensors.values())

    def dtypes(self) -> dict[str, int]:
        """Data type -> how many values have it, the most frequent first."""
        counts: dict[str, int] = {}
        for tensor in self.tensors.values():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.elements
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class Source(Protocol):
    """The files of a model: a core.format.Tree that keeps the blobs which it gave open as long as it lives."""

    @property
    def files(self) -> Mapping[str, object]:
        """By path."""
        ...

    def open(self, path: str) -> AbstractContextManager[Blob]:
        """Content at any place."""
        ...


def kind_of(path: str) -> str:
    """The kind of weight file that the name says, or an empty text."""
    base = path.rsplit("/", 1)[-1].lower()
    if base.startswith(_BESIDE) or base.endswith(".index.json"):
        return ""
    return next((kind for kind, ends in KINDS if base.endswith(ends)), "")


def sets_of(paths: Iterable[str]) -> list[Set]:
    """The sets that files of these names make, each folder's preferred one first; nothing is read."""
    found: dict[tuple[str, str, str], Set] = {}
    for path in sorted(paths):
        kind = kind_of(path)
        if not kind:
            continue
        folder, slash, base = path.rpartition("/")
        stem = base.rsplit(".", 1)[0]
        match = _SHARD.match(stem)
        stem, declared = (match[1], int(match[3])) if match else (stem, 1)
        one = found.setdefault((folder + slash, kind, stem), Set(folder + slash, stem, kind, declared=declared))
        one.files.append(path)
    rank = [kind for kind, _ in KINDS]
    order = {
        id(one): (one.folder.count("/"), one.folder, rank.index(one.kind), _standing(one.stem), one.stem)
        for one in found.values()
    }
    return sorted(found.values(), key=lambda one: order[id(one)])


def _standing(stem: str) -> int:
    return _MAIN.index(stem) if stem in _MAIN else len(_MAIN)


def main_sets(sets: Iterable[Set]) -> list[Set]:
    """What a loader takes: of the top folder its first set, else the first of each folder."""
    first: dict[str, Set] = {}
    for one in sets:
        first.setdefault(one.folder, one)
    return [first[""]] if "" in first else list(first.values())


def read_set(one: Set, source: Source, budget: Callable[[], Budget]) -> None:
    """Read the headers of all its files. What cannot be read is noted in `unread`; nothing is raised."""
    for path in one.files:
        try:
            with source.open(path) as blob:
                _read(one, path, blob, Context(budget(), path.rsplit("/", 1)[-1]), _beside(source, path))
        except AssayError as error:
            one.unread.append((path, error.message[:300]))


def _read(one: Set, path: str, blob: Blob, context: Context, sibling: Callable[[str], Blob | None]) -> None:
    start = blob.read(0, 64)
    if start.startswith(b"version https://git-lfs"):
        raise Malformed("is a git-lfs pointer: the weights themselves are not there", step="git lfs pull")
    if one.kind == "safetensors":
        rows = _safetensors(one, blob, context)
    else:
        if one.kind == "torch" and not start.startswith(_CHECKPOINTS):
            raise Malformed("is no checkpoint of PyTorch: its tensors are not read here")
        if start[:4] in {b"GGUF", b"FUGG"}:
            one.gguf = one.gguf or metadata(blob, context)
        rows = _others(one, path, blob, context, sibling)
    for row in rows:
        if len(one.tensors) >= _TENSORS:
            raise OverBudget(f"more than {_TENSORS:,} tensors")
        one.tensors[row.name] = Tensor(row.name, row.dtype, row.shape, row.size, path, row)


def _safetensors(one: Set, blob: Blob, context: Context) -> Iterator[Weights]:
    length = int.from_bytes(exact(blob, 0, 8, "the header length"), "little")
    if length > _HEADER:
        raise OverBudget(
            f"the safetensors header has {length:,} bytes, more than the {_HEADER >> 20} MiB that are read"
        )
    raw = exact(blob, 8, length, "the header")
    rows = read_header(raw)
    texts = json.loads(raw).get("__metadata__") if b'"__metadata__"' in raw else None
    for key, text in list(texts.items())[:_METADATA] if isinstance(texts, dict) else ():
        if isinstance(text, str):
            one.metadata.setdefault(key[:200], text[:2000])
    context.budget.tick()
    for name, dtype, shape, begin, end in rows:
        if (dtype in WIDTHS and prod(shape) * WIDTHS[dtype] != end - begin) or 8 + length + end > blob.size:
            raise Malformed(f"tensor {name[:100]!r}: its offsets do not go with its shape or the file", offset=8)
        yield Weights(name, dtype, shape, blob, 8 + length + begin, end - begin)


def _others(
    one: Set, path: str, blob: Blob, context: Context, sibling: Callable[[str], Blob | None], depth: int = 0
) -> Iterator[Weights]:
    for item in weights(blob, context, sibling):
        if isinstance(item, Weights):
            yield item
        elif (
            isinstance(item, Member)
            and depth < 2
            and item.name.lower().endswith((".h5", ".npy", ".pkl", ".safetensors"))
        ):
            yield from _others(one, path, item.blob, context, sibling, depth + 1)
        elif isinstance(item, Skipped) and item.holds and len(one.unread) < 100:
            one.unread.append((path, f"{item.what}: {item.why}"[:300]))


def _beside(source: Source, path: str) -> Callable[[str], Blob | None]:
    """External data of an ONNX file. The source keeps what it opened as long as it lives itself."""
    folder = path.rpartition("/")[0]

    def find(name: str) -> Blob | None:
        place = f"{folder}/{name}" if folder else name
        if place not in source.files or ".." in name.split("/"):
            return None
        with source.open(place) as blob:
            return blob

    return find
