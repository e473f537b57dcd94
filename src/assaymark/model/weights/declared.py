"""What a model declares of its tensors beside what their headers say: config.json, the index of shards, GGUF's keys."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.model.weights.source import Row, read_header
from assaymark.model.weights.views import Contradiction, Declarations, IndexGap

_CONFIG_LIMIT = 8 << 20
_INDEX_LIMIT = 64 << 20
_HEADER_LIMIT = 32 << 20
_SHARDS = 1_000
_DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}  # fmt: skip
_LAYER = re.compile(r"(.*?(?:^|\.)(?:layers|layer|h|blocks|block))\.(\d{1,5})\.")
_EMBEDDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "embed_in.weight",
    "tok_embeddings.weight",
)
_LISTED = 3
_MOST = 100
_TENSORS_EACH = 4
"""Tensors of a layer of a transformer, at the very least."""


@dataclass
class _Headers:
    """Tensors of a folder: name -> (dtype, shape, bytes), by file."""

    by_file: dict[str, dict[str, tuple[str, tuple[int, ...], int]]] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, tuple[str, tuple[int, ...], int]]:
        """Of all files together."""
        return {name: entry for file in self.by_file.values() for name, entry in file.items()}


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """What each folder with safetensors declares and does not keep."""
    folders: dict[str, set[str]] = defaultdict(set)
    for path in tree.files:
        folder, slash, base = path.rpartition("/")
        folders[folder + slash].add(base)
    for folder, names in folders.items():
        for base in sorted(names):
            if base.endswith(".safetensors.index.json"):
                yield folder + base, _declarations(_index(tree, folder, base, names))
        if "config.json" in names and any(name.endswith(".safetensors") for name in names):
            yield f"{folder}config.json", _declarations(_config(tree, folder, names))


def _declarations(found: Iterable[Contradiction | IndexGap]) -> Declarations:
    every = list(found)
    said = [one for one in every if isinstance(one, Contradiction)]
    gaps = [one for one in every if isinstance(one, IndexGap)]
    return Declarations(tuple(said[:_MOST]), tuple(gaps[:_MOST]))


def _index(tree: Tree, folder: str, base: str, names: Collection[str]) -> Iterator[Contradiction | IndexGap]:
    index = _json(tree, folder + base, _INDEX_LIMIT)
    listed = index.get("weight_map")
    if not isinstance(listed, dict):
        return
    expected: dict[str, set[str]] = defaultdict(set)
    for name, file in listed.items():
        if isinstance(file, str) and file in names:
            expected[file].add(name)
    headers = _read(tree, folder, expected)
    for file, tensors in headers.by_file.items():
        yield from _gaps(file, expected[file], tensors.keys())
    complete = set(listed.values()) == headers.by_file.keys()
    metadata = index.get("metadata")
    declared = metadata.get("total_size") if isinstance(metadata, dict) else None
    actual = sum(size for _, _, size in headers.all.values())
    if complete and isinstance(declared, int) and declared != actual:
        yield Contradiction("metadata.total_size", f"{declared:,} bytes", f"{actual:,} bytes of tensors")


def _gaps(file: str, expected: set[str], actual: Collection[str]) -> Iterator[IndexGap]:
    missing, surplus = sorted(expected.difference(actual)), sorted(set(actual) - expected)
    if missing:
        yield IndexGap(f"missing in {file}", f"{file} lacks {_some(missing)} that the index says it has")
    if surplus:
        yield IndexGap(
            f"surplus in {file}", f"{file} has {_some(surplus)} that the index does not name: no loader reads it"
        )


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name[:100]) for name in names[:_LISTED])
    return shown + (f" and {len(names) - _LISTED:,} more tensors" if len(names) > _LISTED else "")


def _read(tree: Tree, folder: str, files: Iterable[str]) -> _Headers:
    """The headers that can be read; a broken one is for the parser of the file to report."""
    found = _Headers()
    for file in sorted(files)[:_SHARDS]:
        try:
            length = int.from_bytes(tree.start(folder + file, 8), "little")
            if length > _HEADER_LIMIT:
                continue
            rows: list[Row] = read_header(tree.start(folder + file, 8 + length)[8:])
        except AssayError:
            continue
        found.by_file[file] = {name: (dtype, shape, end - begin) for name, dtype, shape, begin, end in rows}
    return found


def _json(tree: Tree, path: str, limit: int) -> dict[str, Any]:
    try:
        found = json.loads(tree.read(path, limit))
    except (AssayError, ValueError, RecursionError):
        return {}  # the repository's checks speak of it
    return found if isinstance(found, dict) else {}


def _config(tree: Tree, folder: str, names: Collection[str]) -> Iterator[Contradiction | IndexGap]:
    """config.json of transformers against the tensors that its `from_pretrained` would load."""
    config = _json(tree, f"{folder}config.json", _CONFIG_LIMIT)
    if not isinstance(config.get("model_type"), str):
        return
    whole = [name for name in names if name == "model.safetensors" or re.match(r"model-\d+-of-\d+\.safetensors$", name)]
    tensors = _read(tree, folder, whole).all
    if len(tensors) < 2 or not _complete(whole):
        return
    nested = config.get("text_config")
    text = nested if isinstance(nested, dict) else config
    yield from _dtype(config, tensors)
    yield from _layers(text, tensors)
    if "quantization_config" not in config:
        yield from _embedding(text, tensors)
        yield from _tied(config, tensors)


def _complete(files: list[str]) -> bool:
    """A single file, or all of its shards."""
    total = next((int(name.split("-of-")[1].split(".")[0]) for name in files if "-of-" in name), 1)
    return len(files) == total


Tensors = Mapping[str, tuple[str, tuple[int, ...], int]]


def _dtype(config: Mapping[str, Any], tensors: Tensors) -> Iterator[Contradiction | IndexGap]:
    declared = config.get("dtype") or config.get("torch_dtype")
    wanted = _DTYPES.get(declared) if isinstance(declared, str) else None
    sizes: dict[str, int] = defaultdict(int)
    for dtype, _, size in tensors.values():
        sizes[dtype] += size
    most = max(sizes, key=lambda dtype: sizes[dtype])
    if wanted and most in _DTYPES.values() and sizes[most] and most != wanted and not sizes.get(wanted):
        yield Contradiction("torch_dtype", str(declared), f"tensors of {most}")


def _layers(config: Mapping[str, Any], tensors: Tensors) -> Iterator[Contradiction | IndexGap]:
    declared = config.get("num_hidden_layers")
    if type(declared) is not int or not 1 < declared <= 10_000:
        return
    lists: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for name in tensors:
        match = _LAYER.match(name)
        if match:
            lists[match[1]][int(match[2])] += 1
    for prefix, layers in lists.items():
        if min(layers.values()) < _TENSORS_EACH or len(layers) * 2 <= declared:
            continue
        missing = sorted(set(range(declared)) - layers.keys())
        if missing and len(lists) == 1:
            shown = ", ".join(map(str, missing[:10]))
            yield IndexGap(
                f"{prefix} layers", f"{prefix} lacks layers {shown} of the {declared} that config.json declares"
            )
        surplus = sorted(n for n in layers if n >= declared)
        if surplus and len(lists) == 1 and not _more(config):
            yield Contradiction(
                "num_hidden_layers", str(declared), f"{len(layers)} layers, up to {prefix}.{surplus[-1]}"
            )


def _more(config: Mapping[str, Any]) -> bool:
    """The model has layers beyond, which predict further tokens (DeepSeek-V3 and its heirs)."""
    return any(isinstance(config.get(key), int) for key in ("num_nextn_predict_layers", "mtp_num_hidden_layers"))


def _embedding(config: Mapping[str, Any], tensors: Tensors) -> Iterator[Contradiction | IndexGap]:
    for name, (_, shape, _) in tensors.items():
        if not name.endswith(_EMBEDDINGS) or len(shape) != 2:
            continue
        for key, size in (("vocab_size", shape[0]), ("hidden_size", shape[1])):
            declared = config.get("embedding_size", config.get(key)) if key == "hidden_size" else config.get(key)
            if type(declared) is int and declared != size and "word_embed_proj_dim" not in config:
                yield Contradiction(key, f"{declared:,}", f"{name[:200]!r} of shape {list(shape)}")


def _tied(config: Mapping[str, Any], tensors: Tensors) -> Iterator[Contradiction | IndexGap]:
    heads = [name for name in tensors if name.endswith(("lm_head.weight", "embed_out.weight"))]
    causal = any("ForCausalLM" in str(name) for name in config.get("architectures") or ())
    if config.get("tie_word_embeddings") is False and causal and not heads:
        yield Contradiction("tie_word_embeddings", "false", "no lm_head.weight: the head would start at random")


# GGUF

_BLOCK = re.compile(r"blk\.(\d{1,5})\.")


Rows = Iterable[tuple[str, int, tuple[int, ...]]]
"""Name, ggml type, shape."""


def gguf_declarations(numbers: Mapping[str, int], rows: Rows) -> Declarations:
    """Keys of the metadata against the tensor table."""
    return _declarations(_gguf(numbers, rows))


def _gguf(numbers: Mapping[str, int], rows: Rows) -> Iterator[Contradiction]:
    tensors = {name: shape for name, _, shape in rows}
    if numbers.get("split.count", 0) > 1 or "token_embd.weight" not in tensors:
        return  # a part of a model, an adapter or a projector
    blocks = {int(match[1]) for name in tensors if (match := _BLOCK.match(name))}
    for key, declared in numbers.items():
        if key.endswith(".block_count") and key.count(".") == 1 and blocks and len(blocks) != declared:
            yield Contradiction(key, f"{declared:,}", f"{len(blocks):,} blocks of tensors")
        elif key.endswith(".embedding_length") and key.count(".") == 1:
            shape = tensors["token_embd.weight"]
            if shape[:1] != (declared,):
                yield Contradiction(key, f"{declared:,}", f"token_embd.weight of shape {list(shape)}")
        elif key == "general.parameter_count":
            actual = sum(prod(shape) for shape in tensors.values())
            if actual and abs(actual - declared) > declared // 50:
                yield Contradiction(key, f"{declared:,}", f"{actual:,} parameters")
