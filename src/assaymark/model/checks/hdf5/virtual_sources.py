"""MDL065."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import OutsideData, leaves_folder


@check(
    "MDL065",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    since="0.1",
    refs=("CWE:610",),
)
def virtual_sources(data: OutsideData) -> Iterator[Hit]:
    """A virtual HDF5 dataset takes its data from files beside it.

    Why: What is loaded is not what was digested, signed and looked at here: it changes with the other files. Where one is
    missing, the library fills in zeros without a word.
    Fix: Store the data in the file (`data = f[path][...]`, `del f[path]`, `f[path] = data`), or publish, sign and scan the
    folder as one.
    """
    files = [file for file in data.files if not leaves_folder(file)]
    if data.virtual and files:
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        yield Hit(
            f"{data.path} is a virtual dataset over {files[0]}{more}",
            offset=data.offset,
            symbol=f"{data.path} -> {files[0]}",
        )
