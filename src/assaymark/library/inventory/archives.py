"""Wheels and sdists at rest: METADATA or PKG-INFO inside, and the digest of the whole file. Nothing is unpacked."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from assaymark.core.blob import Blob, chunks
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.source.text import decode
from assaymark.library.inventory import metadata
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.inventory.paths import Entry, traced
from assaymark.library.inventory.tar import Member, Stream, members

WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl")
SDIST = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)-(?P<version>\d[^-/]*)\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)")
_DIRECTORY = 32 << 20
"""Bytes of a zip's central directory."""
_MEMBERS = 200_000
_EXPANDED = 2 << 30
"""Bytes that a tar may decompress to."""
_END = b"PK\x05\x06"
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
    KeyError,
    zlib.error,
    struct.error,
)


class _Told(NamedTuple):
    document: str
    strange: str
    """The first member that would be written outside of the folder, or ""."""


def is_archive(path: str) -> bool:
    """A wheel or an sdist by its name."""
    base = path.rpartition("/")[2]
    return len(base) < 256 and bool(WHEEL.fullmatch(base) or SDIST.fullmatch(base))


def read(look: Look, paths: list[str]) -> list[Package]:
    """Every wheel and sdist; what cannot be read is a gap."""
    entries = []
    for path in paths:
        try:
            entries.append(_archive(look, path))
        except AssayError as error:
            look.gap(path, error.message)
    return traced(entries, None, look.tick)


def _archive(look: Look, path: str) -> Entry:
    import hashlib

    base = path.rpartition("/")[2]
    match = WHEEL.fullmatch(base)
    named = match or SDIST.fullmatch(base)
    with look.tree.open(path) as blob:
        digest = hashlib.sha256()
        for piece in chunks(blob):
            look.tick()
            digest.update(piece)
        zipped = base.endswith((".whl", ".zip"))
        told = _zip(blob, path, wheel=match is not None) if zipped else _tar(blob, path, look.tick)
    if told.strange:
        look.gap(path, f"the member {told.strange[:200]!r} leads out of the folder that it is unpacked into")
    header = metadata.headers(told.document)
    name, version = metadata.identity(header, path)
    if named is not None and not _agrees(named, name, version):
        look.gap(path, f"the file name says {named['name']} {named['version']}, its metadata {name} {version}")
    kind = "wheel" if match else "sdist"
    made = Package("PyPI", name, version, path, 0, kind, (f"sha256:{digest.hexdigest()}",), origin="local", fixed=True)
    return Entry(made, metadata.needs(header))


def _agrees(named: re.Match[str], name: str, version: str) -> bool:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    if canonicalize_name(named["name"]) != name:
        return False
    try:
        return Version(named["version"].replace("_", "-")) == Version(version)
    except InvalidVersion:
        return named["version"] == version


class _File(io.RawIOBase):
    """A blob as zipfile wants it."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override] # what io calls it with
        data = self._blob.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _zip(blob: Blob, path: str, *, wheel: bool) -> _Told:
    start = max(0, blob.size - 65_557)
    tail = blob.read(start, blob.size - start)
    at = tail.rfind(_END)
    if at < 0:
        raise Malformed(f"{path} is no zip: it has no end of central directory")
    if blob.size > _DIRECTORY and int.from_bytes(tail[at + 12 : at + 16], "little") > _DIRECTORY:
        raise OverBudget(f"{path} has a directory of more than {_DIRECTORY >> 20} MiB")
    raw: IO[bytes] = io.BufferedReader(_File(blob))
    try:
        with zipfile.ZipFile(raw) as archive:
            return _told(archive, path, wheel=wheel)
    except _BROKEN as error:
        raise Malformed(f"{path} cannot be read as a zip: {str(error)[:200]}") from None


def _told(archive: zipfile.ZipFile, path: str, *, wheel: bool) -> _Told:
    names = archive.namelist()
    if len(names) > _MEMBERS:
        raise OverBudget(f"{path} has more than {_MEMBERS:,} members")
    pattern = r"[^/]+\.dist-info/METADATA" if wheel else r"[^/]+/PKG-INFO"
    found = [name for name in names if re.fullmatch(pattern, name)]
    if len(found) != 1:
        what = "METADATA" if wheel else "PKG-INFO"
        raise Malformed(f"{path} has {len(found)} {what} files where one is expected")
    with archive.open(found[0]) as member:
        data = member.read(metadata.LIMIT + 1)
    return _Told(_document(data, path), next((name for name in names if climbs(name)), ""))


def _document(data: bytes, path: str) -> str:
    if len(data) > metadata.LIMIT:
        raise OverBudget(f"{path} has metadata of more than {metadata.LIMIT >> 20} MiB")
    return decode(data, f"{path}: its metadata")


def climbs(name: str) -> bool:
    """A member that would be written outside of the folder it is unpacked into."""
    path = name.replace("\\", "/")
    return path.startswith("/") or ".." in path.split("/") or bool(re.match(r"[A-Za-z]:", path))


def _tar(blob: Blob, path: str, tick: Callable[[], object]) -> _Told:
    document, strange = "", ""
    for member in _few(members(Stream(blob, path, _EXPANDED, tick)), path):
        if not strange and (climbs(member.name) or (member.is_link and climbs(member.link))):
            strange = member.name
        if member.is_file and not document and re.fullmatch(r"(?:\./)?[^/]+/PKG-INFO", member.name):
            document = _document(member.read(metadata.LIMIT + 1), path)
    if not document:
        raise Malformed(f"{path} has no PKG-INFO")
    return _Told(document, strange)


def _few(found: Iterator[Member], path: str) -> Iterator[Member]:
    for number, member in enumerate(found):
        if number == _MEMBERS:
            raise OverBudget(f"{path} has more than {_MEMBERS:,} members")
        yield member
