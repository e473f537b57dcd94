"""A RAR archive: its headers with their checksums, then every stored member. What is compressed is named and holds.

RAR's compression has no free description; members that use it are opaque, whatever else is right about them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, Malformed, Opaque, OverBudget
from assaymark.core.format import Context, Item, Member, Region, Skipped
from assaymark.model.archive import ArchiveView, Entry, Hole, Kind, Mismatch, carried, crc_of, unexplained
from assaymark.model.rar import version4, version5
from assaymark.model.rar.headers import SIGNATURE_4, SIGNATURE_5, Block, Walk

_PREFIX = 1 << 20
"""Bytes before the signature that readers search through: room for a program that unpacks itself."""
_ENTRIES = 200_000
_NAMED = 20
"""Compressed members that are named one by one."""
_METHODS = ("stored", "fastest", "fast", "normal", "good", "best")


@dataclass(slots=True)
class _Archive:
    start: int = 0
    blocks: list[Block] = field(default_factory=list)
    faults: list[AssayError] = field(default_factory=list)


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """The archive by its headers, then its members."""
    archive = _Archive()
    _walk(blob, context.budget, archive)
    files = [block for block in archive.blocks if block.kind is not None]
    entries = tuple(
        Entry(b.name, b.kind, b.size or 0, b.at, b.target, encrypted=b.encrypted) for b in files if b.kind is not None
    )
    holes = tuple(_holes(blob, archive))
    yield ArchiveView("rar", entries, holes)
    yield from unexplained(holes)
    yield from _recovery(archive)
    hidden: list[Block] = []
    closed = [b for b in files if b.encrypted or b.method or b.split]
    yield from (Region(block.data, block.packed, data=False) for block in closed)
    for block in files:
        context.budget.tick()
        carries = block.kind is Kind.FILE or (block.kind is Kind.FOLDER and block.packed > 0)
        if not carries or block.encrypted:
            if block.packed and not block.encrypted and not block.method:
                yield carried(block.name, Slice(blob, block.data, block.packed))
            continue  # what is encrypted the view says
        if block.method or block.split:
            hidden.append(block)
        else:
            yield from _stored(blob, block, context.budget)
    yield from _compressed(hidden)
    if archive.faults:
        raise archive.faults[0]


def _walk(blob: Blob, budget: Budget, archive: _Archive) -> None:
    """Fill `archive`; what stops us is kept until all else is said."""
    start = blob.read(0, _PREFIX + len(SIGNATURE_5))
    found = [(at, mark) for mark in (SIGNATURE_5, SIGNATURE_4) if (at := start.find(mark)) >= 0]
    if not found:
        archive.faults.append(Malformed("no RAR signature in the first MiB", offset=0))
        return
    archive.start, signature = min(found)
    walk: Walk = version5.blocks if signature == SIGNATURE_5 else version4.blocks
    try:
        for block in walk(blob, archive.start + len(signature), budget):
            if len(archive.blocks) >= _ENTRIES:
                raise OverBudget(f"more than {_ENTRIES:,} headers")  # noqa: TRY301 - one way out
            archive.blocks.append(block)
            if block.damaged and not archive.faults:
                what = f"the {block.what} {block.name!r} of the RAR archive has another checksum than it declares"
                archive.faults.append(Malformed(what, offset=block.at))
            if block.data + block.packed > blob.size:
                name = block.name or block.what
                raise Malformed(f"{name!r} is cut off: {block.packed:,} bytes declared", offset=block.at)  # noqa: TRY301 - one way out
    except (Malformed, OverBudget, Opaque) as error:
        archive.faults.append(error)
        return
    if not archive.blocks or not archive.blocks[-1].last:
        archive.faults.append(Malformed("the RAR archive has no end header: it is cut off, or older than RAR 3"))


def _holes(blob: Blob, archive: _Archive) -> Iterator[Hole]:
    """What stands before the signature and after the end header."""
    if archive.start:
        yield Hole("before the signature", 0, archive.start, blob.read(0, 16))
    last = archive.blocks[-1] if archive.blocks else None
    if last is not None and last.last and last.data + last.packed < blob.size:
        at = last.data + last.packed
        if blob.size - at > _PREFIX or blob.read(at, blob.size - at).strip(b"\0"):
            yield Hole("after the end header", at, blob.size - at, blob.read(at, 16))


def _recovery(archive: _Archive) -> Iterator[Skipped]:
    """Data of headers that are no file: checksums for repair, comments, streams of other file systems."""
    for block in archive.blocks:
        if block.kind is not None or not block.packed:
            continue
        if "recovery" in block.what or block.name == "RR":
            yield Skipped("recovery record", f"{block.packed:,} bytes of checksums for repair", holds=False)
        elif block.name in {"CMT", "QO", "ACL", "UOW"} or block.what.startswith(("old", "comment", "auth")):
            yield Skipped(block.what, f"{block.packed:,} bytes of metadata that no loader reads", holds=False)
        else:
            yield Skipped(block.what, f"{block.packed:,} bytes of a kind that is not looked into")


def _stored(blob: Blob, block: Block, budget: Budget) -> Iterator[Item]:
    """A member without compression lies there as it is."""
    content = Slice(blob, block.data, block.packed)
    yield Member(block.name, content)
    if block.size is not None and block.size != block.packed:
        yield Mismatch(block.name, "size", f"{block.size:,} bytes", f"{block.packed:,} bytes", block.at)
    elif block.crc is not None and content.size == block.packed and (actual := crc_of(content, budget)) != block.crc:
        yield Mismatch(block.name, "CRC-32", f"{block.crc:08x}", f"{actual:08x}", block.at)


def _compressed(hidden: list[Block]) -> Iterator[Skipped]:
    for block in hidden[:_NAMED]:
        how = "split over volumes" if block.split else f"compressed by RAR ({_METHODS[min(block.method, 5)]})"
        yield Skipped(block.name, f"{how}, which is not looked into")
    if len(hidden) > _NAMED:
        yield Skipped(f"{len(hidden) - _NAMED:,} more members", "compressed by RAR, which is not looked into")
