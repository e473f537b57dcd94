"""The file of the graph's arrays: written whole and renamed into place, mapped to be read, checked before it is believed.

    magic, 16 bytes · length and CRC-32 of the header, 4 bytes each, little-endian · header, JSON · sections, each from a page on

The header says of which log it is (last id, and the hash chain there), and of each section where it is, how long, and its
CRC-32. That finds what crashes and disks do. Against a stranger it is no help and need not be: who can write here can
write to the database beside it.
"""

import json
import mmap
import os
import tempfile
import zlib
from collections.abc import Mapping
from typing import Self

from assaymark.core.errors import Malformed

MAGIC = b"assaymark edges1"
_PAGE = 4096
_HEADER = 64 * 1024
_STEP = "nothing: the file is made anew from the database"


class EdgeFile:
    """One mapped file. What is written to its sections stays in this process."""

    def __init__(self, data: mmap.mmap, header: Mapping[str, object]) -> None:
        self._data = memoryview(data)
        self._sections: dict[str, tuple[int, int, int]] = {
            str(name): (int(a), int(b), int(c))
            for name, (a, b, c) in dict(header["sections"]).items()  # type: ignore[call-overload] # malformed otherwise
        }
        self.last = int(str(header["last"]))
        self.chain = str(header["chain"])
        self._checked: set[str] = set()
        for begin, length, _ in self._sections.values():
            if begin % _PAGE or begin < 0 or length < 0 or begin + length > len(self._data):
                raise Malformed("a section lies outside of the graph's file", step=_STEP)

    @classmethod
    def open(cls, path: str) -> Self | None:
        """Map a file; None where there is none. Raises Malformed for one that is torn or none of ours."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            size = os.fstat(descriptor).st_size
            if size < len(MAGIC) + 8:
                raise Malformed("the graph's file is too short", step=_STEP)
            data = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
        finally:
            os.close(descriptor)
        try:
            return cls(data, _header(data))
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"the header of the graph's file says nothing of use: {error}", step=_STEP) from error

    def check(self, *names: str) -> None:
        """Compare sections with their checksums, each once; raises Malformed. Before anything was written to them."""
        for name in names:
            if name not in self._checked:
                self._checked.add(name)
                begin, length, crc = self._sections[name]
                if zlib.crc32(self._data[begin : begin + length]) != crc:
                    raise Malformed(f"the section {name} of the graph's file is damaged", step=_STEP)

    def section(self, name: str) -> memoryview:
        """The bytes of a section."""
        if name not in self._sections:
            raise Malformed(f"the graph's file has no section {name}", step=_STEP)
        begin, length, _ = self._sections[name]
        return self._data[begin : begin + length]


def _header(data: mmap.mmap) -> dict[str, object]:
    room = len(MAGIC) + 8
    length, crc = (int.from_bytes(data[at : at + 4], "little") for at in (len(MAGIC), len(MAGIC) + 4))
    text = data[room : room + length] if length <= _HEADER else b""
    if data[: len(MAGIC)] != MAGIC or len(text) != length or zlib.crc32(text) != crc:
        raise Malformed("this is not a file of the graph, or its header is torn", step=_STEP)
    header = json.loads(text)
    if not isinstance(header, dict) or header.get("size") != len(data):
        raise Malformed("the graph's file is cut short", step=_STEP)
    return header


def write(path: str, last: int, chain: str, parts: Mapping[str, memoryview]) -> None:
    """Write a file and rename it into place, durably."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    sections, at = {}, _PAGE
    for name, part in parts.items():
        sections[name] = (at, part.nbytes, zlib.crc32(part))
        at += -(-part.nbytes // _PAGE) * _PAGE
    text = json.dumps({"last": last, "chain": chain, "size": at, "sections": sections}).encode()
    descriptor, temporary = tempfile.mkstemp(prefix=".edges-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(MAGIC + len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little") + text)
            for name, part in parts.items():
                file.seek(sections[name][0])
                file.write(part)
            file.truncate(at)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder_descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)
