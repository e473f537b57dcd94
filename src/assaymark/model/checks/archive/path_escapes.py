"""MDL080: paths and links that lead out of the archive."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView, Kind, escape, is_system_root, link_escape

_LONGEST = 4096
"""Characters of a path whose parents are looked at."""


@check(
    "MDL080",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:22", "CWE:59", "ATLAS:AML.T0010"),
)
def member_path_escapes(archive: ArchiveView) -> Iterator[Hit]:
    """A member of an archive leads out of the folder it is unpacked to.

    Why: Unpackers that follow it overwrite files elsewhere (start-up scripts, keys, other models), or read them.
    Fix: Do not unpack it. Ask its producer for an archive of relative paths; unpack with
    `tarfile.extractall(path, filter="data")` or `zipfile`, which refuse or cut such names.
    """
    for entry in archive.entries:
        why = escape(entry.name)
        itself = entry.kind is Kind.FOLDER and not entry.name.strip("/")
        if why and not itself:
            yield Hit(f"the path of {entry.kind} {entry.name!r} {why}", offset=entry.offset, symbol=entry.name)
    yield from _links(archive)


def _links(archive: ArchiveView) -> Iterator[Hit]:
    links = {
        entry.name.removeprefix("./").rstrip("/"): (entry, why)
        for entry in archive.entries
        if entry.kind in {Kind.SYMLINK, Kind.HARDLINK} and (why := link_escape(entry))
    }
    if not links:
        return
    written = _written_through(archive, set(links))
    rooted = is_system_root(archive)
    for name, (entry, why) in links.items():
        if rooted and name not in written:
            continue
        through = f", and member {written[name]!r} is written through it" if name in written else ""
        message = f"{entry.kind} {entry.name!r} points to {entry.target!r}, which {why}{through}"
        yield Hit(message, offset=entry.offset, symbol=entry.name)


def _written_through(archive: ArchiveView, links: set[str]) -> dict[str, str]:
    """Link -> a later member that has the link as a parent folder, or its very name."""
    written: dict[str, str] = {}
    passed: set[str] = set()
    for entry in archive.entries:
        name = entry.name.removeprefix("./").rstrip("/")
        parents = {name[:at] for at, char in enumerate(name[:_LONGEST]) if char == "/"} if passed else set()
        for link in (parents | {name}) & passed:
            written.setdefault(link, entry.name)
        if name in links and entry.kind is not Kind.FOLDER:
            passed.add(name)
    return written
