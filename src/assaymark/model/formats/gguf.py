"""GGUF, versions 1 to 3, in either byte order: metadata, chat templates and tensor table. Tensor data is not read.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; rules beyond it are those of llama.cpp's reader
(`ggml/src/gguf.cpp`), whose bounds were the subject of CVE-2024-21802, CVE-2024-21825, CVE-2024-21836,
CVE-2024-23496 and CVE-2024-23605.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Literal

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item, Region
from assaymark.model.formats.extents import Extent, Layout, layout
from assaymark.model.formats.jinja import TEMPLATE_LIMIT, template_view
from assaymark.model.weights.declared import gguf_declarations
from assaymark.model.weights.starts import starts
from assaymark.model.weights.views import MetadataTexts

MAGIC = b"GGUF"
_SWAPPED = b"FUGG"
_VERSIONS = (1, 2, 3)
_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Value type -> bytes: (u)int8 to float64 and bool."""
_STRING, _ARRAY, _UINT32 = 8, 9, 4
_KEYS = 100_000
_TENSORS = 500_000
_NAME_LIMIT = 65_535
"""Bytes of a key, as the format has it; of a tensor's name too, where llama.cpp takes 63."""
_NESTED = 4
"""Arrays in arrays; llama.cpp takes none."""
_DIMENSIONS = 8
"""llama.cpp takes 4."""
_ALIGNMENT_LIMIT = 1 << 16
"""Bytes; files have 32. A larger one would explain away as much as it likes as padding."""
_LISTED = 20
_WINDOW = 1 << 18
"""Bytes read at once."""
_TEXT = 64 << 10
"""Bytes of a text that are searched for secrets."""
_COUNTS = (2, 4, 5, 10, 11)
_DECLARES = (".block_count", ".embedding_length", ".parameter_count", "split.count")
_TEMPLATE_KEY = "tokenizer.chat_template"
_TEMPLATES = 64
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    31: (32, 18), 32: (32, 18), 33: (32, 18), 34: (256, 54), 35: (256, 66), 36: (32, 18), 37: (32, 18), 38: (32, 18),
    39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip
"""ggml type -> (elements, bytes) of one block (`GGML_QUANT_SIZES` of gguf-py 0.19; 31 to 38 were withdrawn)."""


@dataclass(frozen=True, slots=True)
class GgufView:
    """The tables, held against the file. Lists hold at most 20 entries."""

    version: int
    keys: int
    tensors: int
    layout: Layout
    trailing: int
    """Bytes after the last tensor and its padding."""
    duplicates: tuple[str, ...]
    """Metadata keys and tensor names that occur twice."""
    unknown: tuple[tuple[str, int], ...]
    """(tensor, ggml type) where the type is none that is known: its size cannot be told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor. `offset` counts from the start of the file, `shape` has the fastest dimension first."""

    name: str
    kind: int
    """The ggml type."""
    shape: tuple[int, ...]
    offset: int
    size: int
    """In bytes; 0 where the type is not known."""
    big: bool


@dataclass
class _Tables:
    """What was read so far."""

    keys: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    duplicates: list[str] = field(default_factory=list)
    alignment: int = 32
    extents: list[Extent] = field(default_factory=list)
    unknown: list[tuple[str, int, int]] = field(default_factory=list)
    """(tensor, type, offset)."""
    rows: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)
    """(tensor, type, shape), one for each extent."""
    texts: list[tuple[str, str]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    """What the metadata declares of the tensors."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """A TemplateView for each chat template, then the tables; raises Malformed where they cannot be read."""
    reader = _Reader(blob, context)
    version = reader.start()
    tensors = reader.count(reader.width + 4 + 4 + 8, "tensors", _TENSORS)
    keys = reader.count(reader.width + 1 + 4 + 1, "metadata keys", _KEYS)
    tables = _Tables()
    for _ in range(keys):
        yield from _pair(reader, tables)
    for _ in range(tensors):
        _tensor(reader, tables)
    start = -(-reader.at // tables.alignment) * tables.alignment
    data = max(0, blob.size - start)
    places = layout((*tables.extents, *_unsized(tables, data)), tables.alignment - 1)
    padded = -(-places.end // tables.alignment) * tables.alignment
    yield MetadataTexts.of(tables.texts)
    yield gguf_declarations(tables.numbers, tables.rows)
    yield Region(start, padded)
    yield from starts(blob, ((start + begin, end - begin, name) for begin, end, name in tables.extents))
    yield from (Region(start + at, size, data=False) for at, size in places.holes)
    yield Region(start + padded, max(0, data - padded), data=False)
    yield GgufView(
        version, keys, tensors, places, max(0, data - padded),
        tuple(tables.duplicates[:_LISTED]), tuple((name[:200], kind) for name, kind, _ in tables.unknown[:_LISTED]),
    )  # fmt: skip
    if places.end > data:
        raise Malformed(f"the last tensor ends at byte {places.end:,} of the data, which has {data:,}", offset=start)


def table(blob: Blob, context: Context) -> list[Row]:
    """The tensors by offset; raises Malformed."""
    reader = _Reader(blob, context)
    reader.start()
    tensors = reader.count(reader.width + 4 + 4 + 8, "tensors", _TENSORS)
    keys = reader.count(reader.width + 1 + 4 + 1, "metadata keys", _KEYS)
    tables = _Tables()
    for _ in range(keys):
        for _ in _pair(reader, tables):
            pass
    for _ in range(tensors):
        _tensor(reader, tables)
    start = -(-reader.at // tables.alignment) * tables.alignment
    places = zip(tables.rows, tables.extents, strict=True)
    rows = [Row(*row, start + begin, end - begin, reader.is_big) for row, (begin, end, _) in places]
    rows += (Row(name, kind, (1,), start + at, 0, reader.is_big) for name, kind, at in tables.unknown)
    return sorted(rows, key=lambda row: row.offset)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a file says of itself and of how it is spoken to."""

    name: str
    """`general.name`."""
    templates: tuple[tuple[str, str], ...]
    """(key, text) of its chat templates."""


def spoken(blob: Blob, context: Context) -> Spoken:
    """Name and chat templates, as they are written; raises Malformed."""
    reader = _Reader(blob, context)
    reader.start()
    reader.count(reader.width + 4 + 4 + 8, "tensors", _TENSORS)
    name, found = "", list[tuple[str, str]]()
    for _ in range(reader.count(reader.width + 1 + 4 + 1, "metadata keys", _KEYS)):
        key = reader.text(_NAME_LIMIT, "a metadata key")
        kind = reader.integer(4, "a value type")
        if kind == _STRING and _holds_template(key) and len(found) < _TEMPLATES:
            found.append((key[:200], reader.text_start(4 * TEMPLATE_LIMIT + 4, key)))
        elif kind == _STRING and key == "general.name":
            name = reader.text_start(_NAME_LIMIT, key)
        else:
            _step_over(reader, kind, key)
    return Spoken(name[:200], tuple(found))


def metadata(blob: Blob, context: Context) -> dict[str, object]:
    """Texts (cut to 64 KiB) and integers by key, short lists of texts, and how long other arrays are. Raises Malformed."""
    reader = _Reader(blob, context)
    reader.start()
    reader.count(reader.width + 4 + 4 + 8, "tensors", _TENSORS)
    found: dict[str, object] = {}
    for _ in range(reader.count(reader.width + 1 + 4 + 1, "metadata keys", _KEYS)):
        key = reader.text(_NAME_LIMIT, "a metadata key")
        kind = reader.integer(4, "a value type")
        if kind == _STRING:
            found[key] = reader.text_start(_TEXT, key)
        elif kind in _COUNTS:
            found[key] = reader.integer(_SCALARS[kind], key)
        elif kind == _ARRAY:
            found[key] = _listed(reader, key)
        else:
            _step_over(reader, kind, key)
    return found


def _listed(reader: "_Reader", key: str) -> object:
    """A short array of texts, or the length of any other."""
    kind, at = reader.integer(4, "an array's type"), reader.at
    count = reader.count(_SCALARS.get(kind, reader.width), f"values in {key[:100]}")
    if kind == _STRING and count <= _LISTED:
        return [reader.text_start(_TEXT, key) for _ in range(count)]
    reader.at = at
    _step_over_array(reader, kind, key, 1)
    return count


def _pair(reader: "_Reader", tables: _Tables) -> Iterator[Item]:
    """One metadata key with its value; templates are read, all other values are stepped over."""
    key = reader.text(_NAME_LIMIT, "a metadata key")
    if key in tables.keys:
        tables.duplicates.append(f"metadata key {key[:200]}")
    tables.keys.add(key)
    kind = reader.integer(4, "a value type")
    if kind == _STRING and _holds_template(key):
        yield template_view(reader.text_start(4 * TEMPLATE_LIMIT + 4, key), key[:200])
    elif kind == _ARRAY and _holds_template(key):
        yield from _templates(reader, key)
    elif key == "general.alignment":
        if kind != _UINT32:
            raise Malformed(f"general.alignment has value type {kind}, not uint32", offset=reader.at)
        tables.alignment = _alignment(reader)
    elif kind == _STRING:
        tables.texts.append((key, reader.text_start(_TEXT, key)))
    elif kind in _COUNTS and key.endswith(_DECLARES):
        tables.numbers[key] = reader.integer(_SCALARS[kind], key)
    else:
        _step_over(reader, kind, key)


def _holds_template(key: str) -> bool:
    return key == _TEMPLATE_KEY or key.startswith((f"{_TEMPLATE_KEY}.", f"{_TEMPLATE_KEY}s"))


def _templates(reader: "_Reader", key: str) -> Iterator[Item]:
    """An array under a template's key. llama.cpp keeps names there; another loader may take them for templates."""
    kind = reader.integer(4, "an array's type")
    if kind != _STRING:
        _step_over_array(reader, kind, key, 1)
        return
    count = reader.count(reader.width, f"texts in {key[:100]}", _TEMPLATES)
    for at in range(count):
        yield template_view(reader.text_start(4 * TEMPLATE_LIMIT + 4, key), f"{key[:200]}[{at}]")


def _alignment(reader: "_Reader") -> int:
    alignment = reader.integer(4, "general.alignment")
    if not 0 < alignment <= _ALIGNMENT_LIMIT or alignment & (alignment - 1):
        raise Malformed(f"general.alignment is {alignment:,}, not a power of two up to 65,536", offset=reader.at)
    return alignment


def _step_over(reader: "_Reader", kind: int, key: str, depth: int = 0) -> None:
    if kind in _SCALARS:
        reader.skip(_SCALARS[kind], key)
    elif kind == _STRING:
        reader.skip(reader.integer(reader.width, key), key)
    elif kind == _ARRAY and depth < _NESTED:
        _step_over_array(reader, reader.integer(4, "an array's type"), key, depth + 1)
    else:
        raise Malformed(f"metadata {key[:100]!r} has the value type {kind} at depth {depth}", offset=reader.at)


def _step_over_array(reader: "_Reader", kind: int, key: str, depth: int) -> None:
    least = _SCALARS.get(kind, reader.width)
    count = reader.count(least, f"values in {key[:100]}")
    if kind in _SCALARS:
        reader.skip(count * least, key)
    elif kind == _STRING:
        reader.skip_texts(count, key)
    else:
        for _ in range(count):
            _step_over(reader, kind, key, depth)


def _tensor(reader: "_Reader", tables: _Tables) -> None:
    """One row of the tensor table."""
    at = reader.at
    name = reader.text(_NAME_LIMIT, "a tensor's name")
    if name in tables.names:
        tables.duplicates.append(f"tensor {name[:200]}")
    tables.names.add(name)
    dimensions = reader.integer(4, name)
    if dimensions > _DIMENSIONS:
        raise Malformed(f"tensor {name[:100]!r} has {dimensions:,} dimensions", offset=at)
    shape = [reader.integer(reader.width, name) for _ in range(dimensions)]
    kind, offset = reader.integer(4, name), reader.integer(8, name)
    elements = prod(shape)
    if elements >= 1 << 63:
        raise Malformed(f"tensor {name[:100]!r} of shape {shape} has more than 2^63 elements", offset=at)
    if offset % tables.alignment:
        raise Malformed(f"tensor {name[:100]!r} begins at {offset}, not at a multiple of {tables.alignment}", offset=at)
    if kind not in _BLOCKS:
        tables.unknown.append((name, kind, offset))
        return
    block, size = _BLOCKS[kind]
    if shape and shape[0] % block:
        raise Malformed(f"tensor {name[:100]!r} has rows of {shape[0]:,} elements in blocks of {block}", offset=at)
    tables.extents.append((offset, offset + elements // block * size, name))
    tables.rows.append((name, kind, tuple(shape)))


def _unsized(tables: _Tables, data: int) -> Iterator[Extent]:
    """Tensors of unknown type, each reaching to the next tensor or to the end of the data."""
    starts = sorted({*(begin for begin, _, _ in tables.extents), *(offset for _, _, offset in tables.unknown)})
    for name, _, offset in tables.unknown:
        following = bisect_right(starts, offset)
        yield offset, starts[following] if following < len(starts) else max(data, offset + 1), name


class _Reader:
    """Reads on from `at`, through a window, and never past the end."""

    def __init__(self, blob: Blob, context: Context) -> None:
        self.at = 0
        self.width = 8
        """Bytes of a length or count: 4 in version 1."""
        self._order: Literal["little", "big"] = "little"
        self._blob = blob
        self._tick = context.budget.tick
        self._window = b""
        self._base = 0

    @property
    def is_big(self) -> bool:
        """The file is big-endian."""
        return self._order == "big"

    def start(self) -> int:
        """Magic and version; finds out the byte order."""
        magic = self._take(4, "the GGUF magic")
        if magic not in {MAGIC, _SWAPPED}:
            raise Malformed(f"begins with {magic.hex(' ')}, a GGUF file with {MAGIC.hex(' ')}", offset=0)
        raw = self._take(4, "the GGUF version")
        if magic == _SWAPPED or raw[:2] == b"\0\0":
            self._order = "big"
        version = int.from_bytes(raw, self._order)
        if version not in _VERSIONS:
            raise Malformed(f"GGUF version {version:,} does not exist", offset=4)
        self.width = 4 if version == 1 else 8
        return version

    def integer(self, size: int, what: str) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self._take(size, what), self._order)

    def count(self, least: int, what: str, most: int = 1 << 31) -> int:
        """A count of things of at least `least` bytes each, for which there is room in the file."""
        count = self.integer(self.width, what)
        if count * least > self._blob.size - self.at:
            raise Malformed(f"declares {count:,} {what}, the file has room for fewer", offset=self.at)
        if count > most:
            raise OverBudget(f"{count:,} {what}, more than the {most:,} that are looked at")
        return count

    def text(self, limit: int, what: str) -> str:
        """A text of at most `limit` bytes."""
        length = self.integer(self.width, what)
        if length > limit:
            raise Malformed(f"{what} of {length:,} bytes, more than {limit:,}", offset=self.at)
        return self._take(length, what).decode(errors="replace")

    def text_start(self, limit: int, what: str) -> str:
        """The first `limit` bytes of a text of any length; reads on after its end."""
        length = self.integer(self.width, what)
        begin = self._take(min(length, limit), what)
        self.skip(length - len(begin), what)
        return begin.decode(errors="replace")

    def skip(self, length: int, what: str) -> None:
        """Step over `length` bytes."""
        if length > self._blob.size - self.at:
            message = f"{what[:100]} needs {length:,} bytes at offset {self.at}, the content ends at {self._blob.size}"
            raise Malformed(message, offset=self.at)
        self.at += length

    def skip_texts(self, count: int, what: str) -> None:
        """Step over texts: a tokenizer has hundreds of thousands of them."""
        for done in range(count):
            if not done % 50_000:
                self._tick()
            self.skip(self.integer(self.width, what), what)

    def _take(self, length: int, what: str) -> bytes:
        """The next bytes."""
        begin = self.at - self._base
        if begin < 0 or begin + length > len(self._window):
            self.skip(length, what)
            self._base = self.at - length
            self._tick()
            self._window = self._blob.read(self._base, max(length, _WINDOW))
            return self._window[:length]
        self.at += length
        return self._window[begin : begin + length]
