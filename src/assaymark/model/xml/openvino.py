"""OpenVINO's intermediate representation (`.xml`, versions 10 and 11): operators by their set, constants by their place.

The weights stand in a `.bin` file beside it, of which constants take `size` bytes from `offset` on.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.xml.document import Document

_MOST = 50
_OPSET = re.compile(r"opset\d{1,2}|experimental|ie_internal_opset|util")
"""Operator sets that are compiled into OpenVINO."""
_BITS = {
    "f64": 64, "f32": 32, "f16": 16, "bf16": 16, "i64": 64, "i32": 32, "i16": 16, "i8": 8, "i4": 4, "u64": 64, "u32": 32,
    "u16": 16, "u8": 8, "u6": 6, "u4": 4, "u3": 3, "u2": 2, "u1": 1, "i2": 2, "boolean": 8, "nf4": 4, "f8e4m3": 8,
    "f8e5m2": 8, "f4e2m1": 4, "f8e8m0": 8,
}  # fmt: skip
"""Element type -> bits. Texts (`string`) have no fixed size; widths of 3 and 6 bits are packed in ways of their own."""
_DIMENSIONS = 64
_ODD = frozenset({"u3", "u6"})
_TOKENIZERS = frozenset({
    "StringTensorPack", "StringTensorUnpack", "RaggedTensorPack", "SpecialTokensSplit", "RegexNormalization", "RegexSplit",
    "BPETokenizer", "WordpieceTokenizer", "CombineSegments", "RaggedToDense", "RaggedToSparse", "RaggedToRagged",
    "VocabEncoder", "VocabDecoder", "ByteFallback", "BytesToChars", "CharsToBytes", "CaseFold", "NormalizeUnicode",
    "SentencepieceTokenizer", "SentencepieceDetokenizer", "SentencepieceStreamDetokenizer", "FuzeRagged",
    "TrieTokenizer", "UTF8Validate", "UnigramTokenizer", "EqualStr", "StringToHashBucket", "Truncate",
    "CharsMapNormalization", "NumericToString", "CaseFoldUTF8",
})  # fmt: skip
"""Operators of openvino-tokenizers, the extension that OpenVINO itself publishes."""


@dataclass(frozen=True, slots=True)
class OpenvinoPart:
    """A layer and what is the matter with it. `kind`: operator, constant."""

    kind: str
    layer: str
    what: str
    line: int


@dataclass(frozen=True, slots=True)
class OpenvinoView:
    """One model. `reach` is the last byte of the weights that a constant takes; at most 50 parts of each kind."""

    layers: int
    reach: int
    parts: tuple[OpenvinoPart, ...]

    def of(self, kind: str) -> Iterator[OpenvinoPart]:
        """The parts of one kind."""
        return (part for part in self.parts if part.kind == kind)


@dataclass
class _Collector:
    parts: list[OpenvinoPart] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    layers: int = 0
    reach: int = 0
    stack: list[tuple[str, str]] = field(default_factory=list)
    """(type, name) of the layers that are open."""

    def add(self, kind: str, layer: str, what: str, line: int) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= _MOST:
            self.parts.append(OpenvinoPart(kind, layer[:200], what[:300], line))

    def opened(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        if name == "layer":
            self.layers += 1
            kind, layer = attributes.get("type", ""), attributes.get("name", "")
            self.stack.append((kind, layer))
            version = attributes.get("version", "")
            if not _OPSET.fullmatch(version) and not (version == "extension" and kind in _TOKENIZERS):
                self.add("operator", kind or layer, f"of the operator set {version[:60]!r}", line)
        elif name == "data" and self.stack and self.stack[-1][0] == "Const":
            self._constant(self.stack[-1][1], attributes, line)

    def closed(self, name: str, _text: str, _line: int) -> None:
        if name == "layer" and self.stack:
            self.stack.pop()

    def _constant(self, layer: str, attributes: Mapping[str, str], line: int) -> None:
        offset, size = _number(attributes.get("offset", "")), _number(attributes.get("size", ""))
        if offset is None or size is None:
            self.add(
                "constant",
                layer,
                f"takes {attributes.get('size', '')[:20]!r} bytes from {attributes.get('offset', '')[:20]!r} on",
                line,
            )
            return
        self.reach = max(self.reach, offset + size)
        kind = attributes.get("element_type", "").lower()
        sizes = [_number(part) for part in attributes.get("shape", "").replace(" ", "").split(",") if part]
        known = [part for part in sizes if part is not None]
        if len(known) < len(sizes) or len(sizes) > _DIMENSIONS:
            self.add("constant", layer, f"has the shape {attributes.get('shape', '')[:60]!r}", line)
        elif kind in _BITS and kind not in _ODD and max(due := (prod(known) * _BITS[kind] + 7) // 8, 1) != max(size, 1):
            # (an empty tensor is written as one byte)
            self.add("constant", layer, f"takes {size:,} bytes, {kind} of the shape {tuple(known)} needs {due:,}", line)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """What reaches out, then the layers, also where the document breaks off."""
    collector = _Collector()
    document = Document(blob, context, collector.opened, collector.closed)
    fault: Malformed | OverBudget | None = None
    try:
        document.run()
    except (Malformed, OverBudget) as error:
        fault = error
    yield from document.reaches
    yield OpenvinoView(collector.layers, collector.reach, tuple(collector.parts))
    if fault is not None:
        raise fault
