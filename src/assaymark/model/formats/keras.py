"""Keras configurations: `config.json` of a `.keras` file, `model_config` of an HDF5 file, and architectures as JSON.

Every object of the document is looked at, wherever it stands: wrappers, sub-models, losses and optimizers are found as
layers are. What a class or function reference means is judged by `assaymark.model.keras.origin`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.core.blob import Blob, Bytes
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item, Member
from assaymark.model.keras import document
from assaymark.model.keras.origin import Origin, origin

_TEXT_LENGTH = 300
_TEXTS = ("name", "module", "filepath", "vocabulary", "vocabulary_file", "vocabulary_path", "merges", "proto")
"""Entries of a configuration that a view has where they are texts, each cut to `_TEXT_LENGTH` characters."""
_STEPS = 24
"""Steps of a place that are shown."""
_DEFERRED = 1_000
"""Bare unknown names that are kept until the document proves to be one of Keras."""
_INERT = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__tuple__"}
)
_MARKS = re.compile(r"keras|registered_name|build_config|__lambda__|(?:inbound_nodes|function_type)\"")
_NAMES_OF_CONFIGS = frozenset({"config.json", "model_config"})
_NODE_OPERATION = re.compile(r"""\bop["']?\s*:\s*["'](\w+)""")
_CODE = frozenset({b"c", b"\xe3"})
"""How a marshalled code object begins, without and with its reference flag."""
_NAMES = 12
_MARSHAL_TEXT = re.compile(rb"[zZ\xda\xfa](?=(.))", re.DOTALL)
"""Short ASCII texts in a marshalled code object: type, length of one byte, text."""

_Place = tuple[Any, Any]
"""Place above (or None at the root), and the key or index below it."""


@dataclass(frozen=True, slots=True)
class KerasObject:
    """A class or function that the configuration names, and what Keras would do with it."""

    place: str
    """Where it stands in the document, as `config.layers[2].config.layer`."""
    module: str
    """Empty where there is none: Keras then looks among registered names only."""
    name: str
    """Class name, or the function's own name where the class is `function`."""
    registered_name: str
    origin: Origin
    texts: tuple[tuple[str, str], ...]
    """Configuration entries that are texts, of those that checks ask for."""
    operation: str = ""
    """The TensorFlow operation of a layer that wraps one."""

    @property
    def reference(self) -> str:
        """Module and name as one dotted text; the registered name where it has a package."""
        if ">" in self.registered_name and not self.module:
            return self.registered_name
        return f"{self.module}.{self.name}" if self.module else self.name

    @property
    def leaf(self) -> str:
        """Last part of the name: `layers.Lambda` in `keras` is `Lambda` too."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def label(self) -> str:
        """The name that its configuration gives the layer, or the place."""
        return dict(self.texts).get("name", self.place)


@dataclass(frozen=True, slots=True)
class KerasCode:
    """Python byte code in a configuration: `owner` is the class whose configuration has it."""

    place: str
    owner: str
    size: int
    digest: str
    """First twelve digits of its SHA-256."""
    names: tuple[str, ...]
    """Names and texts that the byte code mentions, as far as they can be told without running it."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Views of all objects of the document; bare unknown names only where it is one of Keras."""
    try:
        value, end, text = document.read(blob, context.budget)
        if isinstance(value, str):  # `json.dump(model.to_json(), file)`: a document in a text
            blob = Bytes(value.encode("utf-8", "surrogatepass"))
            value, end, text = document.read(blob, context.budget)
    except Malformed:
        head = blob.read(0, 1 << 20).replace(b"\0", b"").decode("latin-1")
        if context.name in _NAMES_OF_CONFIGS or _MARKS.search(head):
            raise
        return  # some other JSON, which nobody hands to Keras
    found = False
    for item in objects(value, context):
        found = True
        yield item
    if found and text[end:].strip():
        message = "something stands behind the end of the JSON document"
        raise Malformed(message, offset=end)


def objects(value: Any, context: Context) -> Iterator[Item]:
    """Views of all objects of a document; nothing where no one of them is Keras' own or does something."""
    found = False
    deferred: list[KerasObject] = []
    for item in _walk(value, context):
        if not found and isinstance(item, KerasObject) and _could_be_anything(item, context.name):
            if len(deferred) < _DEFERRED:
                deferred.append(item)
            continue
        found = True
        yield item
    if found:
        yield from deferred


def _could_be_anything(item: KerasObject, name: str) -> bool:
    """Other programs too write objects with a class name and a configuration."""
    return item.origin in {Origin.NAMED, Origin.CUSTOM} and not item.registered_name and name not in _NAMES_OF_CONFIGS


def _walk(document: Any, context: Context) -> Iterator[Item]:
    """The views of every object, outer ones first, without recursion; once of those that aliases of YAML share."""
    pending: list[tuple[Any, _Place | None, str]] = [(document, None, "")]
    seen: set[int] = set()
    while pending:
        value, place, owner = pending.pop()
        context.budget.tick()
        if id(value) in seen:
            continue
        seen.add(id(value))
        children: Iterable[tuple[Any, Any]]
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and "config" in value:
                yield from _views(value, place, owner)
                owner = value["class_name"]
            children = value.items()
        elif isinstance(value, list):
            children = enumerate(value)
        else:
            continue
        below = [(child, (place, key), owner) for key, child in children if isinstance(child, dict | list)]
        pending.extend(reversed(below))


def _views(value: dict[Any, Any], place: _Place | None, owner: str) -> Iterator[Item]:
    class_name, config = value["class_name"], value["config"]
    if class_name == "__lambda__":
        yield _code(config, place, owner or class_name)
        return
    if class_name in _INERT:
        return
    function = class_name == "function" and isinstance(config, str)
    name = config if function else class_name
    if class_name == "__typespec__":
        name = _text(value.get("spec_name"))
    item = _reference(value, name, place, function=function)
    yield item
    if not isinstance(config, dict):
        return
    if item.leaf == "Lambda":
        yield from _lambda(config, place)
    elif item.leaf == "TorchModuleWrapper" and isinstance(config.get("module"), str):
        yield Member(f"{item.place}.config.module", Bytes(_decoded(config["module"])))


def _reference(value: dict[Any, Any], name: str, place: _Place | None, *, function: bool) -> KerasObject:
    module, registered, config = _text(value.get("module")), _text(value.get("registered_name")), value["config"]
    texts: tuple[tuple[str, str], ...] = ()
    if isinstance(config, dict):
        found = ((key, config.get(key)) for key in _TEXTS)
        texts = tuple((key, text[:_TEXT_LENGTH]) for key, text in found if isinstance(text, str))
    return KerasObject(
        place=_shown(place),
        module=module,
        name=name,
        registered_name=registered,
        origin=origin(module, name, registered, function=function),
        texts=texts,
        operation=_operation(config) if isinstance(config, dict) else "",
    )


def _lambda(config: dict[Any, Any], place: _Place | None) -> Iterator[Item]:
    """What a Lambda layer calls, in the format before Keras 3: byte code in a list, or the name of a function."""
    for key in ("function", "output_shape", "mask"):
        value = config.get(key)
        if isinstance(value, dict) and value.get("class_name") == "__tuple__":
            value = value.get("items")
        inside = ((place, "config"), key)
        coded = isinstance(value, str) and (config.get(f"{key}_type") == "lambda" or _decoded(value)[:1] in _CODE)
        if coded or (isinstance(value, list) and value and isinstance(value[0], str)):
            yield _code(value, inside, "Lambda")
        elif isinstance(value, str) and key == "function":
            # Keras 2 looks the name up in that module where it is loaded: `os`, `subprocess` and the like always are.
            yield _reference({"config": None, "module": config.get("module")}, value, inside, function=True)


def _code(value: Any, place: _Place | None, owner: str) -> KerasCode:
    """The view of serialized byte code: a text in base64, alone, first of a list, or in an object."""
    for _ in range(4):
        if isinstance(value, dict):
            value = value.get("code", value.get("value", value.get("items")))
        elif isinstance(value, list):
            value = value[0] if value else None
    data = _decoded(value) if isinstance(value, str) else b""
    return KerasCode(_shown(place), owner, len(data), hashlib.sha256(data).hexdigest()[:12], tuple(_names(data)))


def _names(data: bytes) -> Iterator[str]:
    """Names that marshalled code mentions: its short ASCII texts that could be names."""
    seen: set[str] = set()
    for match in _MARSHAL_TEXT.finditer(data):
        text = data[match.end() + 1 : match.end() + 1 + match[1][0]].decode("latin-1")
        name = text.isascii() and text.replace(".", "_").isidentifier() and len(text) > 1
        if len(text) == match[1][0] and name and text not in seen:
            seen.add(text)
            yield text
            if len(seen) == _NAMES:
                return


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii", "replace"))
    except binascii.Error:
        return b""


def _operation(config: dict[Any, Any]) -> str:
    """The operation of a TFOpLambda (`function`) or a TensorFlowOpLayer (`node_def`, as JSON or text)."""
    symbol = config.get("cls_symbol", config.get("cls_ref"))
    if isinstance(symbol, str):
        return f"{symbol}.{config.get('method_name')}"[:_TEXT_LENGTH]
    node = config.get("node_def", config.get("function"))
    if isinstance(node, dict):
        node = node.get("op")
    if not isinstance(node, str):
        return ""
    match = _NODE_OPERATION.search(node)
    return match[1] if match else node[:_TEXT_LENGTH]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _shown(place: _Place | None) -> str:
    steps: list[str] = []
    while place is not None and len(steps) < _STEPS:
        place, key = place
        steps.append(f"[{key}]" if isinstance(key, int) else f".{str(key)[:60]}" if isinstance(key, str) else "")
    if place is not None:
        steps.append("…")
    return "".join(reversed(steps)).removeprefix(".")
