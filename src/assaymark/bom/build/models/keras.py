"""Keras: HDF5 files and `.keras` archives, by the attributes, datasets and configuration that they have."""

import json
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob, Slice
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context
from assaymark.model.hdf5 import attributes, header, links, superblock
from assaymark.model.hdf5.header import Message
from assaymark.model.hdf5.heaps import GlobalHeaps
from assaymark.model.hdf5.source import Source

_DTYPES = {(1, 2): "F16", (1, 4): "F32", (1, 8): "F64", (0, 1): "I8", (0, 2): "I16", (0, 4): "I32", (0, 8): "I64"}
"""(class, bytes) of a datatype."""
_OBJECTS = 200_000
_LAYERS = 100_000
_CONFIG = 64 << 20
_TRAINER = ("optimizer_weights", "optimizer", "_optimizer")
_MARKS = frozenset({"model_config", "keras_version", "layer_names", "weight_names", "backend"})


def hdf5(blob: Blob, context: Context, found: Header) -> None:
    """Attributes of the root, and every dataset of numbers; raises Malformed."""
    block = superblock.read(blob, context.budget)
    walk = _Walk(block.source)
    for path, address in walk.objects(block):
        walk.read(path, address, found)
    texts = walk.texts
    found.metadata["keras"] = bool(_MARKS & texts.keys()) or any("/vars/" in name for name in found.shapes)
    version = texts.get("keras_version", "")
    if version or found.metadata["keras"]:
        found.observe("framework", f"keras {version}".strip(), "keras_version")
    if "model_config" in texts:
        _configured(texts["model_config"], found, "model_config")


class _Walk:
    """Objects of one file, each once."""

    def __init__(self, source: Source) -> None:
        self.texts: dict[str, str] = {}
        """Attributes of the root, or of Keras's group of weights."""
        self._source = source
        self._heaps = GlobalHeaps(source)
        self._waiting: list[tuple[str, int]] = []
        self._seen: set[int] = set()

    def objects(self, block: superblock.Superblock) -> Iterator[tuple[str, int]]:
        """Path and address of every object, groups before what is in them."""
        self._waiting.append(("", block.root))
        if block.root_table is not None:
            self._push("", links.symbol_table(self._source, *block.root_table))
        while self._waiting:
            path, address = self._waiting.pop()
            if address in self._seen:
                continue
            self._seen.add(address)
            if len(self._seen) > _OBJECTS:
                raise Malformed(f"more than {_OBJECTS:,} objects")
            yield path, address

    def read(self, path: str, address: int, found: Header) -> None:
        """Take in one object: its attributes, what it links to, and its shape where it is a dataset of numbers."""
        source, parts = self._source, dict[int, Message]()
        for message in header.messages(source, address):
            if message.kind == header.ATTRIBUTE and path in {"", "/model_weights"}:
                self._attribute(attributes.attribute(source, message.fields(source, "attribute message")))
            elif message.kind == header.LINK:
                self._push(path, [links.message(message.fields(source, "link message"))])
            else:
                parts.setdefault(message.kind, message)
        if header.SYMBOL_TABLE in parts:
            fields = parts[header.SYMBOL_TABLE].fields(source, "symbol table message")
            tree, heap = fields.address(), fields.address()
            if tree is not None and heap is not None:
                self._push(path, links.symbol_table(source, tree, heap))
        if header.LINK_INFO in parts:
            self._push(path, links.dense(source, parts[header.LINK_INFO].fields(source, "link info message")))
        if header.ATTRIBUTE_INFO in parts and path == "":
            info = parts[header.ATTRIBUTE_INFO].fields(source, "attribute info message")
            for one in attributes.dense(source, info):
                self._attribute(one)
        if {header.LAYOUT, header.DATATYPE, header.DATASPACE} <= parts.keys():
            self._dataset(path, parts, found)

    def _push(self, path: str, found: Any) -> None:
        for link in found:
            if link.address is not None:
                self._waiting.append((f"{path}/{link.name}"[:500], link.address))

    def _attribute(self, one: attributes.Attribute) -> None:
        if len(self.texts) > 200:
            return
        value = attributes.value(self._source, self._heaps, one)
        self.texts.setdefault(one.name, (value or b"")[:_CONFIG].decode("utf-8", "replace"))

    def _dataset(self, path: str, parts: dict[int, Message], found: Header) -> None:
        kind = attributes.datatype(parts[header.DATATYPE].fields(self._source, "datatype message"))
        dims = attributes.dataspace(parts[header.DATASPACE].fields(self._source, "dataspace message"))
        dtype = _DTYPES.get((kind.kind, kind.size))
        if dtype and path.lstrip("/").split("/")[0] not in _TRAINER:
            found.tensor(path.lstrip("/"), dtype, dims)


def archive(blob: Blob, context: Context, found: Header) -> None:
    """A `.keras` file: configuration, metadata, and the HDF5 file of weights in it."""
    from assaymark.bom.build.models.zip import members

    parts = members(blob, context)
    if "config.json" in parts:
        _configured(_text(parts["config.json"]), found, "config.json")
    if "metadata.json" in parts:
        version = _object(_text(parts["metadata.json"])).get("keras_version")
        if isinstance(version, str):
            found.observe("framework", f"keras {version[:50]}", "metadata.json")
    found.metadata["keras"] = True
    weights = next((part for name, part in sorted(parts.items()) if name.endswith(".weights.h5")), None)
    if weights is None:
        found.counted = False
        return
    inner = Header("hdf5")
    hdf5(weights, context, inner)
    found.tensors, found.elements, found.shapes = inner.tensors, inner.elements, inner.shapes


def _text(blob: Blob | Slice) -> str:
    return blob.read(0, min(blob.size, _CONFIG)).decode("utf-8", "replace")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _configured(text: str, found: Header, at: str) -> None:
    """Class, name and layers of a model's configuration."""
    config = _object(text)
    kind = config.get("class_name")
    if isinstance(kind, str):
        found.observe("architecture", kind[:200], at)
    inner = config.get("config")
    if not isinstance(inner, dict):
        return
    name = inner.get("name")
    if isinstance(name, str):
        found.metadata["name"] = name[:200]
    layers = inner.get("layers")
    if isinstance(layers, list):
        found.observe("layers", len(layers[:_LAYERS]), at)
        shape = _input_shape(layers)
        if shape:
            found.observe("inputs", [{"name": "input", "shape": shape}], at)


def _input_shape(layers: list[Any]) -> list[int | None]:
    """Of the first layer that says one."""
    for layer in layers[:1]:
        config = layer.get("config") if isinstance(layer, dict) else None
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            shape = config.get(key) if isinstance(config, dict) else None
            if isinstance(shape, list) and all(n is None or isinstance(n, int) for n in shape[:16]):
                return shape[:16]
    return []


def is_model(blob: Blob, context: Context) -> bool:
    """Whether an HDF5 file holds a Keras model or its weights, and no table of data."""
    found = Header("hdf5")
    try:
        hdf5(blob, context, found)
    except AssayError:
        return True
    return bool(found.metadata.get("keras"))
