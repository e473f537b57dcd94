"""MDL087: members that are no files."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView, Kind, is_system_root


@check(
    "MDL087",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:67", "CWE:400"),
)
def special_file(archive: ArchiveView) -> Iterator[Hit]:
    """An archive holds a device or a pipe.

    Why: A loader that opens a pipe waits for ever; a device gives access to hardware. A model or dataset needs neither.
    Fix: Leave it out: `tar --exclude=NAME`, or unpack with `tarfile.extractall(path, filter="data")`, which refuses it.
    """
    rooted = is_system_root(archive)
    for entry in archive.entries:
        if entry.kind not in {Kind.DEVICE, Kind.PIPE}:
            continue
        if not (rooted and entry.name.removeprefix("./").startswith("dev/")):
            yield Hit(f"member {entry.name!r} is a {entry.kind}", offset=entry.offset, symbol=entry.name)
