"""How TensorFlow's files are known: by the shape of their first messages. Cheap, total, no parser imported."""

import re

from assaymark.core.blob import Blob
from assaymark.core.format import Head
from assaymark.model.outline import Outline, Part

_FOOTER = bytes.fromhex("57fb808b247547db")
"""How a LevelDB table ends: its magic number, little endian."""
_SHARD = re.compile(r".+\.data-\d{5}-of-\d{5}")
_OPERATOR = re.compile(rb"[A-Za-z0-9_.>/\\-]{1,512}")
_TEXT_GRAPH = re.compile(
    rb"^[ \t]*(?:(?:node|meta_graphs|graph_def|library)\s{0,99}(?::\s{0,99}\[|:?\s{0,99}[{<])|saved_model_schema_version)",
    re.MULTILINE,
)
_TEXT_NODE = re.compile(rb"\bop\s{0,99}:\s{0,99}[\"']")
_TEXT_NAMES = (".pbtxt", ".pb.txt", ".textproto")
_TEXT_SIZE = 100 << 20


def is_graph(head: Head) -> bool:
    """A SavedModel, MetaGraphDef or GraphDef."""
    if head.basename == "saved_model.pb":
        return True
    first = head.start[:1]
    # A tag whose wire type is in use (0, 1, 2, 5) and whose field is not 0; in text this is rarely followed by more.
    if not first or first[0] < 8 or first[0] & 7 not in {0, 1, 2, 5}:
        return False
    return bool(_kinds(Outline.of(head), head.size, head.basename))


def kinds(blob: Blob, name: str) -> tuple[str, ...]:
    """What the content reads as: saved_model, meta_graph, graph, by shape; saved_model.pb is one by its name alone."""
    return _kinds(Outline(blob), blob.size, name)


def _kinds(outline: Outline, size: int, name: str) -> tuple[str, ...]:
    found = list[str]()
    if not outline.fields(0, size) and name.lower() != "saved_model.pb":
        return ()
    if name.lower() == "saved_model.pb" or any(_is_meta(outline, *m[2:4]) for m in outline.messages(0, size, 2)):
        found.append("saved_model")
    if _is_meta(outline, 0, size):
        found.append("meta_graph")
    if _is_graph(outline, 0, size):
        found.append("graph")
    return tuple(found)


def _is_meta(outline: Outline, start: int, end: int) -> bool:
    """MetaGraphDef."""
    return any(_is_graph(outline, part.start, part.end) for part in outline.messages(start, end, 2))


def _is_graph(outline: Outline, start: int, end: int) -> bool:
    """GraphDef: a node, or a function whose signature has a name."""
    for part in outline.fields(start, end):
        if part.wire == 2 and part.number == 1 and _is_node(outline, part):
            return True
        if part.wire == 2 and part.number == 2:
            for function in outline.messages(part.start, part.end, 1)[:2]:
                for signature in outline.messages(function.start, function.end, 1):
                    names = outline.messages(signature.start, signature.end, 1)
                    if any(outline.spelled(name, _OPERATOR) for name in names):
                        return True
    return False


def _is_node(outline: Outline, node: Part) -> bool:
    """NodeDef: a name, and an operator that is spelled like one."""
    texts = [part for part in outline.fields(node.start, node.end) if part.wire == 2]
    named = any(part.number == 1 for part in texts)
    return named and any(part.number == 2 and outline.spelled(part, _OPERATOR) for part in texts)


def is_metadata(head: Head) -> bool:
    """`keras_metadata.pb`, which only goes by its name."""
    return head.basename == "keras_metadata.pb"


def is_fingerprint(head: Head) -> bool:
    """`fingerprint.pb`: hashes of the SavedModel beside it."""
    return head.basename == "fingerprint.pb" and head.size < 4096 and head.start[:1] == b"\x08"


def is_text_graph(head: Head) -> bool:
    """The text form (.pbtxt) of a graph; other text protos are none."""
    if head.basename == "saved_model.pbtxt":
        return True
    if head.start[:1] not in _TEXT_FIRST or not head.is_text:
        return False
    named = head.basename.endswith(_TEXT_NAMES)
    text = head.blob.read(0, min(head.size, _TEXT_SIZE)) if named and head.size > len(head.start) else head.start
    return _TEXT_GRAPH.search(text) is not None and _TEXT_NODE.search(text) is not None


_TEXT_FIRST = frozenset(bytes((c,)) for c in b"acdglmnosv# \t\r\n")
"""How the names of a graph's fields begin, and what may stand before them."""


def is_checkpoint(head: Head) -> bool:
    """A table of a checkpoint: the index of a V2 one, or a V1 one whole."""
    return head.size >= 48 and head.tail[-8:] == _FOOTER


def is_shard(head: Head) -> bool:
    """The values of a V2 checkpoint: raw, so that only the name tells."""
    return _SHARD.fullmatch(head.basename) is not None
