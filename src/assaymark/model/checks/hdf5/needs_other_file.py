"""MDL063."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.formats.hdf5 import ExternalLink, leaves_folder


@check(
    "MDL063",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:610",),
)
def needs_other_file(link: ExternalLink) -> Iterator[Hit]:
    """An HDF5 link takes an object from another file beside it.

    Why: What is loaded is not what was digested, signed and looked at here: it changes with the other file, and the
    library also looks for that name in the directory in which the program runs.
    Fix: Store the object in the file (`f.copy(source, path, expand_external=True)` with h5py), or publish, sign and scan
    the folder as one.
    """
    if not leaves_folder(link.file):
        yield Hit(
            f"{link.path} is a link to {link.target or '/'} in {link.file}, a file of its own",
            offset=link.offset,
            symbol=f"{link.path} -> {link.file}",
            excerpt=f"{link.path} -> {link.file}:{link.target}",
        )
