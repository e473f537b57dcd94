"""The first fields of protobuf messages, for recognisers: cheap and total, where `formats.protobuf` is exact and loud."""

import re
from typing import NamedTuple

from assaymark.core.blob import Blob
from assaymark.core.format import Head

_FIELDS = 64
"""Fields of one message that are looked at."""


class Part(NamedTuple):
    """A field: number, wire type, where its payload begins and ends, and the value of a varint."""

    number: int
    wire: int
    start: int
    end: int
    value: int


class Outline:
    """Reads messages of one blob; after `most` fields it finds no more."""

    def __init__(self, blob: Blob, start: bytes | None = None, most: int = 400) -> None:
        """`start`: the blob's first bytes, where they were read already."""
        self._blob = blob
        self._left = most
        self._head = blob.read(0, 4096) if start is None else start
        self._top: list[Part] | None = None

    @classmethod
    def of(cls, head: Head) -> "Outline":
        """Of a file; its own fields are read once for all recognisers that ask."""
        outline = cls(head.blob, head.start)
        top = head.shared.get("protobuf")
        if top is None:
            top = head.shared["protobuf"] = outline.fields(0, head.size)
        outline._top = top  # type: ignore[assignment] # what was kept under that name
        return outline

    def fields(self, start: int, end: int) -> list[Part]:
        """The first fields of the message in these bytes; empty where one makes no sense."""
        if self._top is not None and start == 0 and end == self._blob.size:
            return self._top
        found = list[Part]()
        at = start
        while at < end and len(found) < _FIELDS and self._left > 0:
            self._left -= 1
            data = self._read(at, min(20, end - at))
            tag, used = varint(data, 0)
            number, wire = tag >> 3, tag & 7
            if tag < 8 or wire not in {0, 1, 2, 5}:
                return []
            value, after = varint(data, used) if wire in {0, 2} else (0, used + (8 if wire == 1 else 4))
            begin = at + (after if wire == 2 else used)
            at += after + (value if wire == 2 else 0)
            if value < 0 or at > end:
                return []
            found.append(Part(number, wire, begin, at, value))
        return found

    def messages(self, start: int, end: int, number: int) -> list[Part]:
        """The length-delimited fields with this number."""
        return [part for part in self.fields(start, end) if part.number == number and part.wire == 2]

    def spelled(self, part: Part, pattern: re.Pattern[bytes]) -> bool:
        """Whether a field's bytes, at most 512, are spelled like this."""
        length = part.end - part.start
        return length <= 512 and pattern.fullmatch(self._read(part.start, length)) is not None

    def _read(self, at: int, length: int) -> bytes:
        return self._head[at : at + length] if at + length <= len(self._head) else self._blob.read(at, length)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Value and next offset; -1 where it is cut or longer than ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            return -1, at + 1
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return -1, at
