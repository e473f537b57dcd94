"""How many rows a file of data has and what its columns are called, where that costs little."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.build.draft import Sight
from assaymark.core.blob import Blob, chunks, exact
from assaymark.core.errors import AssayError, Malformed

_LIMIT = 64 << 20
"""Bytes of a text whose rows are counted."""
_COLUMNS = 500
_FOOTER = 16 << 20
_VALUES = 2_000_000
_DEPTH = 12


@dataclass(slots=True)
class Rows:
    """Rows and columns as far as they are told."""

    rows: int
    columns: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def count(sight: Sight, path: str) -> Rows | None:
    """Of a csv, tsv, jsonl, txt or parquet file; None for any other, and for one that is long or broken."""
    base = path.lower()
    known = base.endswith((".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt"))
    if not known or (sight.tree.files[path].size > _LIMIT and not base.endswith(".parquet")):
        return None
    try:
        with sight.tree.open(path) as blob:
            sight.budget.tick()
            if base.endswith(".parquet"):
                return parquet(blob)
            if base.endswith((".csv", ".tsv")):
                return _table(blob, "\t" if base.endswith(".tsv") else ",")
            return Rows(_lines(blob))
    except AssayError:
        return None


def _lines(blob: Blob) -> int:
    """Lines that are not empty at the end."""
    lines, last = 0, b"\n"
    for piece in chunks(blob):
        lines += piece.count(b"\n")
        last = piece[-1:]
    return lines + (last != b"\n")


def _table(blob: Blob, delimiter: str) -> Rows | None:
    text = blob.read(0, blob.size).decode("utf-8-sig", "replace")
    if "\0" in text:
        return None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        first = next(reader, [])
        named = bool(first) and not any(_number(cell) for cell in first)
        rows = sum(1 for row in reader if row) + (not named and bool(first))
    except csv.Error:
        return None
    columns = [{"name": cell[:200]} for cell in first[:_COLUMNS]] if named else []
    return Rows(rows, columns, "" if named or not first else "no header: the first line has numbers")


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# Parquet: the footer is thrift's compact protocol (parquet-format `parquet.thrift`, FileMetaData).

_TYPES = {
    0: "BOOLEAN",
    1: "INT32",
    2: "INT64",
    3: "INT96",
    4: "FLOAT",
    5: "DOUBLE",
    6: "BYTE_ARRAY",
    7: "FIXED_LEN_BYTE_ARRAY",
}


def parquet(blob: Blob) -> Rows:
    """`num_rows` and the leaves of the schema; raises Malformed."""
    tail = exact(blob, blob.size - 8, 8, "the parquet footer")
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > min(_FOOTER, blob.size - 12):
        raise Malformed("no parquet footer, or one that is too long", offset=blob.size - 8)
    found = _Thrift(exact(blob, blob.size - 8 - length, length, "the parquet footer")).struct(0)
    rows, schema = found.get(3), found.get(2)
    if not isinstance(rows, int) or rows < 0 or not isinstance(schema, list):
        raise Malformed("the parquet footer has no number of rows", offset=blob.size - 8 - length)
    columns: list[dict[str, Any]] = []
    for element in schema[1:]:
        name = element.get(4) if isinstance(element, dict) else None
        if isinstance(name, bytes) and not element.get(5) and len(columns) < _COLUMNS:
            columns.append({"name": name.decode("utf-8", "replace")[:200], "type": _TYPES.get(element.get(1), "")})
    return Rows(rows, columns)


class _Thrift:
    """Structs as dicts of field ids, lists as lists; bounded in depth and number of values."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._values = data, 0, 0

    def struct(self, depth: int) -> dict[int, Any]:
        """One struct, up to its stop."""
        if depth > _DEPTH:
            raise Malformed("thrift nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            if not head & 15:
                return found
            number = number + (head >> 4) if head >> 4 else self._signed()
            found[number] = {1: True, 2: False}.get(head & 15) if head & 15 < 3 else self._value(head & 15, depth)

    def _value(self, kind: int, depth: int) -> Any:
        self._values += 1
        if self._values > _VALUES:
            raise Malformed("a parquet footer of too many values")
        readers: dict[int, Callable[[], Any]] = {
            7: lambda: self._take(8),
            8: lambda: self._take(self._varint()),
            9: lambda: self._list(depth),
            10: lambda: self._list(depth),
            11: lambda: self._map(depth),
            12: lambda: self.struct(depth + 1),
        }
        if kind in {1, 2, 3}:
            return self._byte()
        if kind in {4, 5, 6}:
            return self._signed()
        if kind not in readers:
            raise Malformed(f"thrift type {kind}")
        return readers[kind]()

    def _list(self, depth: int) -> list[Any]:
        if depth > _DEPTH:
            raise Malformed("thrift nested too deeply")
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        if size > len(self._data) - self._at:
            raise Malformed("a thrift list is longer than the footer")
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _map(self, depth: int) -> dict[Any, Any]:
        size = self._varint()
        kinds = self._byte() if size else 0
        if size > len(self._data) - self._at or depth > _DEPTH:
            raise Malformed("a thrift map is longer than the footer")
        for _ in range(size):
            self._value(kinds >> 4, depth + 1)
            self._value(kinds & 15, depth + 1)
        return {}

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise Malformed("the parquet footer ends early")
        found, self._at = self._data[self._at : end], end
        return found

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Malformed("a thrift number is too long")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
