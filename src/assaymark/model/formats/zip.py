"""ZIP archives, among them PyTorch, npz, Keras v3 and wheels: every member, by every header that describes it.

Content is decompressed one member at a time into the budget's spool; what is stored plainly is never copied.
The raw tensors of PyTorch archives are numbers that torch maps and never unpickles: they are counted, not read.
"""

import re
import stat
import zlib
from collections.abc import Callable, Iterator

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Member, Region, Skipped
from assaymark.model import unpack
from assaymark.model.archive import ArchiveView, Entry, Kind, Mismatch, Tail, unexplained
from assaymark.model.torch.part import Layout, program_in
from assaymark.model.torch.payloads import ALL, pickled
from assaymark.model.weights.starts import starts
from assaymark.model.zipindex import Index, Part, method_name, read_index

_CHECKED = 4 << 20
"""Stored members up to here are read for their CRC; beyond, only what is read anyway."""
_LONGEST_TARGET = 4096
_STORAGE = re.compile(r"(?:data|tensors|constants)/\d+(?:\.storage)?")
"""torch.save and TorchScript, below the archive's root."""
_PACKAGE_STORAGE = re.compile(r"\.data/\d+\.storage")
"""torch.package."""
_EXPORT_STORAGE = re.compile(r"data/(?:weights|constants)/(?:weight|tensor|param|buffer)_\d+")
"""torch.export (.pt2); a value that has no plain tensor form is a nested archive there."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive as a whole, its contradictions, then each member; pickles first."""
    budget = context.budget
    index = read_index(blob, budget)
    entries = tuple(_entry(blob, part) for part in index.parts if part.main)
    yield ArchiveView("zip", entries, tuple(index.holes), tuple(index.shared))
    yield from unexplained(index.holes)
    yield from index.disagreements
    yield from program_in(blob, [part.name for part in index.parts])
    is_storage, layout = _storage_test(blob, index), Layout([part.name for part in index.parts])
    count = size = 0
    storages: list[tuple[int, int, str]] = []
    for part in sorted(index.parts, key=lambda part: not part.name.lower().endswith(".pkl")):
        if part.data is None or (part.name.endswith("/") and not part.header.size):
            continue
        if is_storage(part):
            count, size = count + part.main, size + part.packed * part.main
            storages.append((part.data, part.packed, part.name))
            yield Region(part.data, part.packed)
            continue
        budget.tick()
        yield from map(layout.mark, _member(blob, part, part.data, budget, index.faults))
    yield from starts(blob, storages)
    if count:
        why = f"raw tensor storage, {count:,} members, {size:,} bytes: numbers, never unpickled by torch"
        yield Skipped("tensors", why, holds=False)
    if index.faults:
        raise _first(index.faults)


def _first(faults: list[AssayError]) -> AssayError:
    fault = faults[0]
    if len(faults) > 1:
        fault.message += f" (and {len(faults) - 1} more faults)"
    return fault


def _entry(blob: Blob, part: Part) -> Entry:
    header = part.header
    if stat.S_ISLNK(header.mode):
        kind, target = Kind.SYMLINK, _target(blob, part)
    else:
        kind, target = Kind.FOLDER if part.name.endswith("/") else Kind.FILE, ""
    return Entry(part.name, kind, header.size, header.at, target, part.listed, header.encrypted)


def _target(blob: Blob, part: Part) -> str:
    """Where a symbolic link points: its content."""
    if part.data is None or part.header.encrypted:
        return ""
    packed = blob.read(part.data, min(part.packed, _LONGEST_TARGET))
    if part.header.method == 8:
        try:
            packed = zlib.decompressobj(-15).decompress(packed, _LONGEST_TARGET)
        except zlib.error:
            return ""
    return packed.decode("utf-8", "replace")


def _storage_test(blob: Blob, index: Index) -> Callable[[Part], bool]:
    """Whether a member is raw tensor storage of a PyTorch archive, compared as torch compares: without case."""
    names = {part.name.casefold() for part in index.parts if part.listed}
    folders = {name.rpartition("/")[0] for name in names}
    roots: dict[str, re.Pattern[str]] = {}
    for name in names:
        root, _, base = name.rpartition("/")
        if base == "data.pkl" and (f"{root}/version" in names or f"{root}/data" in folders):
            roots[root] = _STORAGE
        elif name.endswith("/.data/extern_modules") and f"{root}/version" in names:
            roots[root.removesuffix("/.data")] = _PACKAGE_STORAGE
        elif base == "archive_format" and f"{root}/archive_version" in names:
            roots[root] = _EXPORT_STORAGE

    def raw_name(name: str) -> re.Pattern[str] | None:
        name = name.casefold()
        for levels in (2, 3):
            root, *inner = name.rsplit("/", levels)
            pattern = roots.get(root)
            if pattern and pattern.fullmatch("/".join(inner)):
                return pattern
        return None

    unpickled = pickled(blob, index.parts) if _EXPORT_STORAGE in roots.values() else frozenset()

    def is_storage(part: Part) -> bool:
        patterns = {raw_name(name) for name in part.names}
        if not part.listed or None in patterns or part.data is None:
            return False
        if _EXPORT_STORAGE not in patterns:
            return True
        bases = {name.rpartition("/")[2].lower() for name in part.names}
        return blob.read(part.data, 4) != b"PK\x03\x04" and unpickled.isdisjoint({ALL, *bases})

    return is_storage if roots else lambda _: False


def _member(blob: Blob, part: Part, data: int, budget: Budget, faults: list[AssayError]) -> Iterator[Item]:
    """The member's content, then what is wrong with it."""
    header = part.header
    if header.method == 0:
        yield from _stored(blob, part, data)
        return
    packed = Slice(blob, data, part.packed)
    try:
        codec, start = _codec(packed, header.method, header.size)
    except (Malformed, OverBudget) as error:
        faults.append(_named(error, part.name))
        return
    except Opaque as error:
        yield Skipped(part.name, error.message, holds=True)
        yield Region(data, part.packed, data=False)
        return
    result = unpack.unpack(packed, codec, budget, start)
    if header.encrypted and (result.fault or result.size != header.size):
        yield Region(data, part.packed, data=False)
        return  # really encrypted, as the view says; what was only marked so has just been decompressed
    if result.size or not result.fault:
        yield Member(part.name, result.blob)
    if result.fault is not None:
        faults.append(_named(result.fault, part.name))
        return
    if _declared(part):
        yield from _compare(part, result.size, result.crc)
        if result.end < packed.size:
            rest = packed.size - result.end
            yield Tail(part.name, codec.name, data + result.end, rest, packed.read(result.end, min(rest, 16)))


def _stored(blob: Blob, part: Part, data: int) -> Iterator[Item]:
    header = part.header
    if header.encrypted and header.packed != header.size:
        return  # it grew by its salt; where nothing grew, readers that ignore the mark find the plain content
    content = Slice(blob, data, max(part.packed, header.size if _declared(part) else 0))
    yield Member(part.name, content)
    if _declared(part) and content.size <= _CHECKED:
        yield from _compare(part, part.packed, zlib.crc32(content.read(0, content.size)))


def _declared(part: Part) -> bool:
    """The header knows size and CRC; a local one that leaves them to a descriptor does not."""
    return not (part.header.data and part.header.deferred)


def _compare(part: Part, size: int, crc: int) -> Iterator[Mismatch]:
    header = part.header
    if size != header.size:
        yield Mismatch(part.name, "size", f"{header.size:,} bytes", f"{size:,} bytes", header.at)
    elif crc != header.crc:
        yield Mismatch(part.name, "CRC-32", f"{header.crc:08x}", f"{crc:08x}", header.at)


def _codec(packed: Blob, method: int, size: int) -> tuple[unpack.Codec, int]:
    """The codec and the offset at which its stream begins. Raises Opaque for a method that is not looked into."""
    simple = {8: unpack.deflate, 9: unpack.deflate64, 12: unpack.bzip2, 93: unpack.zstd, 95: unpack.xz}
    if method in simple:
        return simple[method](), 0
    if method != 14:
        raise Opaque(f"compressed by {method_name(method)}, which is not looked into")
    start = packed.read(0, 9)
    if len(start) < 9 or start[2:4] != b"\x05\0":
        raise Malformed("the LZMA properties are cut off")
    return unpack.lzma_raw(start[4:], size), 9


def _named(error: AssayError, name: str) -> AssayError:
    error.message = f"member {name!r}: {error.message}"
    return error
