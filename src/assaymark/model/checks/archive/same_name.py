"""MDL082: names that are the same to some readers."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import ArchiveView, Entry, Kind


@check(
    "MDL082",
    layer=Layer.MODEL,
    severity=Severity.HIGH,
    since="0.1",
    refs=("CWE:694", "CWE:178"),
)
def same_name(archive: ArchiveView) -> Iterator[Hit]:
    """Several members of an archive have the same name, or one that differs only in case.

    Why: Readers choose differently: Python takes the last, others the first, and PyTorch ignores case, so that
    `DATA.PKL` is loaded where a scanner looked at `data.pkl`.
    Fix: Do not load it. Write the archive anew with each name once: unpack, look at what is there, pack again.
    """
    if archive.format == "ar":
        return  # linkers read every member of a static library, whatever its name
    seen: dict[str, Entry] = {}
    for entry in archive.entries:
        if entry.kind is Kind.FOLDER or not entry.listed:
            continue
        # Only readers of zip ignore case; trees of systems and sources rightly hold names that differ in it.
        key = entry.name.casefold() if archive.format == "zip" else entry.name.removeprefix("./")
        first = seen.setdefault(key, entry)
        if first is not entry:
            kind = "occurs again" if first.name == entry.name else f"differs from {first.name!r} only in case"
            yield Hit(f"member {entry.name!r} {kind}", offset=entry.offset, symbol=entry.name)
